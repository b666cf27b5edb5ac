"""The factor graph format of libDAI, ``.fg``. Strict.

The number of factors; for each its number of variables, their labels (integers), their numbers of states, the number of
entries that follow, and these: position and value, positions that are not given have the value 0. The *first* variable of a
factor varies fastest, so that positions are ours for the scope in reverse. Lines that start with ``#`` are comments.

References
----------
Mooij, J. M. (2010). libDAI: a free and open source C++ library for discrete approximate inference in graphical models. JMLR 11;
documentation, "Factor graph (.fg) file format".
"""

from collections.abc import Sequence
from typing import NamedTuple, NoReturn

import numpy as np

from stochinf.engine.errors import GraphError, MemoryLimitError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import MAX_CARDINALITY, MAX_ENTRIES, FlatFactors, Floats, flat_factors, log_of_weights
from stochinf.graphs.formats.numbers import decimals, weights_of
from stochinf.graphs.formats.textfile import MAX_BYTES, Path, Tokens, read_bytes
from stochinf.graphs.naming import quote

__all__ = ["fg_text", "parse_fg", "read_fg"]

_MOST_ZEROS = 2**22
"""Entries that need not stand in the file, together: a short file fills no memory."""

_LONGEST = 18


class _Factor(NamedTuple):
    scope: list[int]
    positions: list[int]


def read_fg(path: Path, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> FactorGraph:
    """Read a model in libDAI's format; variables are the labels in the file, in ascending order.

    Parameters
    ----------
    path : str or path
        The file; one that ends in ``.gz`` is decompressed.
    max_entries : int
        Entries all tables together may have.
    max_bytes : int
        Length the (decompressed) file may have.

    Returns
    -------
    FactorGraph

    Raises
    ------
    GraphError
        If the file breaks a rule of the format, naming the factor or the line; or cannot be opened.
    MemoryLimitError
        If the file or its tables are larger than allowed.
    """
    return parse_fg(read_bytes(path, max_bytes), str(path), max_entries)


def parse_fg(data: bytes, source: str = "<bytes>", max_entries: int = MAX_ENTRIES) -> FactorGraph:
    """Read a model from the bytes of an ``.fg`` file; as `read_fg`.

    >>> graph = parse_fg(b"1  2 7 4  2 3  2  1 0.5  4 2")
    >>> graph.scope(0), graph.weights.reshape(3, 2).tolist()
    ([4, 7], [[0.0, 0.5], [0.0, 0.0], [2.0, 0.0]])
    """
    tokens = Tokens(data, source)
    cardinality: dict[int, int] = {}
    texts: list[str] = []
    factors = [_factor(tokens, f, cardinality, texts) for f in range(tokens.count("the number of factors"))]
    tokens.end("the last factor")
    if not cardinality:
        raise GraphError(f"{source}: empty graph: no factor has a variable")
    names = sorted(cardinality)
    index = {name: i for i, name in enumerate(names)}
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(factor.scope) for factor in factors])])
    scope = np.array([index[v] for factor in factors for v in reversed(factor.scope)], np.int32)
    counts = np.array([cardinality[name] for name in names], np.int32)
    layout = flat_factors(counts, starts, scope, names, max_entries)
    weights = _weights(factors, texts, layout, source)
    flat = layout._replace(log_weights=log_of_weights(weights, layout, names))
    return FactorGraph.from_flat(flat, None if names == list(range(len(names))) else names)


def _factor(tokens: Tokens, which: int, cardinality: dict[int, int], texts: list[str]) -> _Factor:
    """Read one factor: its values are added to ``texts``, new variables to ``cardinality``."""
    title = f"{tokens.source}: factor {which}"
    arity = tokens.count("the number of variables of factor", which)
    scope = tokens.integers(arity, "the variables of factor", which)
    for variable, states in zip(scope, tokens.integers(arity, "the numbers of states of factor", which), strict=True):
        if not 0 <= variable < 2**31:
            raise GraphError(f"{title}: variable {quote(variable)}; labels of variables are from 0 to {2**31 - 1}")
        if not 1 <= states <= MAX_CARDINALITY:
            raise GraphError(f"{title}: variable {variable} has {quote(states)} states; from 1 to {MAX_CARDINALITY} are possible")
        if cardinality.setdefault(variable, states) != states:
            raise GraphError(f"{title}: variable {variable} has {states} states here and {cardinality[variable]} before")
    entries = tokens.count("the number of entries of factor", which)
    words = tokens.take(2 * entries, "the entries of factor", which)
    culprit = next((word for word in words[::2] if not word.isdecimal() or len(word) > _LONGEST), None)
    if culprit is not None:
        raise GraphError(f"{title}: entry {quote(culprit)} is no position; write pairs of position and value")
    positions = [int(word) for word in words[::2]]
    texts += words[1::2]
    return _Factor(scope, positions)


def _weights(factors: list[_Factor], texts: list[str], layout: FlatFactors, source: str) -> Floats:
    sizes = np.diff(layout.table_start)
    given = np.array([len(factor.positions) for factor in factors], np.int64)
    for f in np.flatnonzero(given > sizes).tolist():
        raise GraphError(f"{source}: factor {f}: {given[f]} entries for a table of {sizes[f]}")
    if (sizes - given).sum() > _MOST_ZEROS:
        raise MemoryLimitError(
            f"{source}: {(sizes - given).sum()} entries are not given; at most {_MOST_ZEROS} zeros may be implied"
        )
    owner = np.repeat(np.arange(len(factors)), given)
    flat_positions = [position for factor in factors for position in factor.positions]
    for i, (position, f) in enumerate(zip(flat_positions, owner.tolist(), strict=True)):
        if not 0 <= position < sizes[f]:
            raise GraphError(f"{source}: factor {f}: position {quote(position)} is not from 0 to {sizes[f] - 1}")
        flat_positions[i] = position + int(layout.table_start[f])
    places = np.array(flat_positions, np.int64)
    twice = np.flatnonzero(np.bincount(places, minlength=1)[places] > 1) if places.size else places
    if twice.size:
        f = int(owner[twice[0]])
        raise GraphError(f"{source}: factor {f}: position {places[twice[0]] - layout.table_start[f]} is given twice")

    def blame(position: int, complaint: str) -> NoReturn:
        raise GraphError(f"{source}: factor {owner[position]}: {quote(texts[position])} {complaint}")

    weights: Floats = np.zeros(int(layout.table_start[-1]))
    weights[places] = decimals(texts, blame)
    return weights


def fg_text(graph: FactorGraph) -> str:
    """Return a model in libDAI's format; `parse_fg` gives the same tables to the bit.

    Variables are written by name where all names are integers in ascending order, else by number. The format has no variables
    without factors: such a one gets a factor of ones.

    Raises
    ------
    GraphError
        If a weight over- or underflows.

    Examples
    --------
    >>> print(fg_text(FactorGraph([2], [(0,)], [[0, 0.5]])), end="")
    1
    <BLANKLINE>
    1
    0
    2
    1
    1 0.5
    """
    flat = graph.flat
    names = list(map(str, _numbers(graph)))
    weights = weights_of(graph)
    alone = np.flatnonzero(np.bincount(flat.scope, minlength=graph.n_variables) == 0).tolist()
    blocks = [str(graph.n_factors + len(alone))]
    scopes, counts = flat.scope.tolist(), flat.cardinality.tolist()
    for f in range(graph.n_factors):
        scope = scopes[flat.scope_start[f] : flat.scope_start[f + 1]][::-1]
        table = weights[flat.table_start[f] : flat.table_start[f + 1]]
        blocks.append(_block([names[v] for v in scope], [counts[v] for v in scope], table))
    blocks += [_block([names[v]], [counts[v]], np.ones(counts[v])) for v in alone]
    return "\n\n".join(blocks) + "\n"


def _block(names: list[str], counts: list[int], table: Floats) -> str:
    places = np.flatnonzero(table)
    entries = [f"{i} {w!r}" for i, w in zip(places.tolist(), table[places].tolist(), strict=True)]
    return "\n".join([str(len(names)), " ".join(names), " ".join(map(str, counts)), str(len(entries)), *entries])


def _numbers(graph: FactorGraph) -> Sequence[int]:
    """Return the names where they are ascending integers, else 0 ... V - 1."""
    names = [name for name in graph.variables if isinstance(name, int) and not isinstance(name, bool) and 0 <= name < 2**31]
    return names if len(names) == graph.n_variables and names == sorted(names) else range(graph.n_variables)
