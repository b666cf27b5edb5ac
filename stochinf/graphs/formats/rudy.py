"""The rudy format of max-cut instances (the Gset): ``n m`` and then m lines ``i j weight``, vertices numbered from 1.

A line ``i j`` without a weight weighs 1. Vertices without edges are allowed. Files in UTF-16 and with any kind of line end are
read, as both are in circulation.

References
----------
Rinaldi, G. (1998). Rudy, a graph generator. The Gset of Helmberg and Rendl (2000), A spectral bundle method for semidefinite
programming, SIAM Journal on Optimization 10(3), was made with it.
"""

from __future__ import annotations

import re

import numpy as np

from stochinf.engine.errors import GraphError, MemoryLimitError
from stochinf.engine.memory import demand
from stochinf.graphs.cuts import MaxCut, cut_of_edges
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.formats.textfile import MAX_BYTES, Path, read_bytes
from stochinf.graphs.naming import quote

__all__ = ["parse_rudy", "read_rudy", "rudy_text"]

MAX_VERTICES = 2**24
_WHOLE = re.compile(r"\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d{1,400}\.?\d{0,400}|\.\d{1,400})([eE][+-]?\d{1,4})?")


def read_rudy(path: Path, max_bytes: int = MAX_BYTES) -> MaxCut:
    """Read a max-cut instance; its nodes are 1, 2, ..., n.

    Parameters
    ----------
    path : str or path
        The file; one that ends in ``.gz`` is decompressed.
    max_bytes : int
        Length the (decompressed) file may have.

    Returns
    -------
    MaxCut

    Raises
    ------
    GraphError
        If the file breaks a rule of the format; the message names the line.
    MemoryLimitError
        If the file or its graph is too large.
    """
    return parse_rudy(read_bytes(path, max_bytes), str(path))


def parse_rudy(data: bytes, source: str = "<bytes>") -> MaxCut:
    r"""Read a max-cut instance from the bytes of a rudy file; as `read_rudy`.

    >>> parse_rudy(b"3 2\n1 2 5\n2 3 -1\n").cut_value([0, 1, 1])
    5.0
    """
    lines = [(number, line.split()) for number, line in enumerate(_decoded(data, source).split("\n"), 1)]
    lines = [(number, words) for number, words in lines if words]
    if not lines:
        raise GraphError(f"{source}: the file is empty; a rudy file starts with the numbers of vertices and edges")
    n, m = _header(*lines[0], source)
    if len(lines) - 1 != m:
        raise GraphError(f"{source}: {m} edges announced in line {lines[0][0]}, {len(lines) - 1} given; is the file cut off?")
    demand(400 * n + 100 * m, f"{source}: {n} vertices and {m} edges")
    ends, weights = np.empty((m, 2), np.int32), np.empty(m)
    for k, (number, words) in enumerate(lines[1:]):
        ends[k, 0], ends[k, 1], weights[k] = _edge(number, words, n, source)
    _refuse_repeats(ends, [number for number, _ in lines[1:]], n, source)
    return cut_of_edges(ends, weights, list(range(1, n + 1)))


def _decoded(data: bytes, source: str) -> str:
    """Return the text, from UTF-16 where it starts or looks like that, else ASCII, with line feeds alone."""
    marks = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
    coding = marks.get(data[:2])
    body = data[2:] if coding else data.removeprefix(b"\xef\xbb\xbf")
    if coding is None and b"\0" in data[:4]:
        coding = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    try:
        text = body.decode(coding or "ascii")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise GraphError(f"{source}, line {line}: bytes that are neither ASCII nor UTF-16; a rudy file holds numbers") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _header(number: int, words: list[str], source: str) -> tuple[int, int]:
    if len(words) != 2 or not all(_WHOLE.fullmatch(word) for word in words):
        raise GraphError(f"{source}, line {number}: {quote(' '.join(words))}; the numbers of vertices and of edges are needed")
    n, m = map(int, words)
    if not n:
        raise GraphError(f"{source}, line {number}: empty graph: 0 vertices; at least one is needed")
    if n > MAX_VERTICES:
        raise MemoryLimitError(f"{source}, line {number}: {n} vertices; at most {MAX_VERTICES} are read")
    return n, m


def _edge(number: int, words: list[str], n: int, source: str) -> tuple[int, int, float]:
    if len(words) not in (2, 3):
        raise GraphError(f"{source}, line {number}: {quote(' '.join(words))}; an edge is two vertices and a weight")
    for word in words[:2]:
        if not _WHOLE.fullmatch(word) or not 1 <= int(word) <= n:
            raise GraphError(f"{source}, line {number}: vertex {quote(word)}; the vertices are 1 to {n}")
    i, j = int(words[0]), int(words[1])
    if i == j:
        raise GraphError(f"{source}, line {number}: an edge from vertex {i} to itself, which no cut can contain; leave it out")
    weight = float(words[2]) if len(words) == 3 and _NUMBER.fullmatch(words[2]) else 1.0 if len(words) == 2 else np.nan
    if not np.isfinite(weight):
        raise GraphError(f"{source}, line {number}: weight {quote(words[2])} is no finite decimal number")
    return i - 1, j - 1, weight


def _refuse_repeats(ends: np.ndarray[tuple[int, int], np.dtype[np.int32]], lines: list[int], n: int, source: str) -> None:
    key = ends.min(axis=1).astype(np.int64) * n + ends.max(axis=1)
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order][1:] == key[order][:-1])
    if again.size:
        first, second = order[again[0]], order[again[0] + 1]
        i, j = ends[second] + 1
        raise GraphError(
            f"{source}, line {lines[second]}: the edge from {i} to {j} is given in line {lines[first]} already; add the two up"
        )


def rudy_text(graph: FactorGraph) -> str:
    r"""Return a max-cut instance in rudy format; nodes are numbered from 1 in the order of ``graph.variables``.

    Raises
    ------
    GraphError
        If the graph has states that are no sides of a cut: more than two, factors of more than two variables, zeros, or fields.

    Examples
    --------
    >>> rudy_text(parse_rudy(b"3 2\n1 2 5\n2 3 -1.5\n"))
    '3 2\n1 2 5\n2 3 -1.5\n'
    """
    spins = graph.spins
    if spins is None or spins.field.any():
        raise GraphError(f"{graph}: rudy files hold cuts (binary, pairwise, no fields); write .uai instead")
    weights = (-2.0 * spins.coupling).tolist()
    rows = [
        f"{i + 1} {j + 1} {int(w) if w == int(w) and abs(w) < 2**53 else repr(w)}\n"
        for (i, j), w in zip(spins.edges.tolist(), weights, strict=True)
    ]
    return f"{graph.n_variables} {len(rows)}\n{''.join(rows)}"
