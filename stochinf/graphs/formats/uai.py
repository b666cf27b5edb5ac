"""The UAI model format, MARKOV and BAYES. Strict: what is not understood is refused.

The words of a model file: MARKOV or BAYES; the number of variables; the number of states of each; the number of factors;
for each factor its arity and its variables; for each factor the number of entries and the entries, the last variable
fastest. In a BAYES file the last variable of a scope is the child. Lines that start with ``c`` or ``#`` are comments.

References
----------
UAI 2014 Inference Competition, "Model format", "Evidence format" and "Result format".
"""

from itertools import chain, pairwise
from typing import NamedTuple, NoReturn

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import MAX_CARDINALITY, MAX_ENTRIES, FlatFactors, Floats, Int32s, flat_factors, log_of_weights
from stochinf.graphs.formats.conditionals import check_rows, is_acyclic, is_conditional
from stochinf.graphs.formats.numbers import decimals, weights_of
from stochinf.graphs.formats.textfile import MAX_BYTES, Path, Tokens, read_bytes
from stochinf.graphs.formats.uai_results import parse_uai_evidence, read_uai_evidence, write_uai_marginals
from stochinf.graphs.naming import factor_title, quote

__all__ = ["parse_uai", "parse_uai_evidence", "read_uai", "read_uai_evidence", "uai_text", "write_uai_marginals"]


class _Header(NamedTuple):
    kind: str
    cardinality: list[int]
    scopes: list[list[int]]


def read_uai(path: Path, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> FactorGraph:
    """Read a model in UAI format; variables and states are the numbers 0, 1, ...

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
        If the file breaks a rule of the format; the message names the factor or the line.
    MemoryLimitError
        If the file or its tables are larger than allowed; nothing was allocated.
    OSError
        If the file cannot be opened.
    """
    return parse_uai(read_bytes(path, max_bytes), str(path), max_entries)


def parse_uai(data: bytes, source: str = "<bytes>", max_entries: int = MAX_ENTRIES) -> FactorGraph:
    """Read a model from the bytes of a UAI file; as `read_uai`.

    >>> parse_uai(b"MARKOV 2 2 3 1 2 0 1 6 1 2 3 4 5 6")
    FactorGraph(2 variables, 1 factors, 2-3 states)
    """
    tokens = Tokens(data, source, ("MARKOV", "BAYES"))
    header = _header(tokens)
    variables = range(len(header.cardinality))
    arity = np.fromiter(map(len, header.scopes), np.int64, len(header.scopes))
    layout = flat_factors(
        np.array(header.cardinality, np.int32),
        np.concatenate([np.zeros(1, np.int64), np.cumsum(arity)]),
        np.fromiter(chain.from_iterable(header.scopes), np.int32, int(arity.sum())),
        variables,
        max_entries,
    )
    weights = _entries(tokens, layout, header.scopes)
    flat = layout._replace(log_weights=log_of_weights(weights, layout, variables))
    child = _child(weights, layout, header.scopes, source) if header.kind == "BAYES" else None
    return FactorGraph.from_flat(flat, child=child)


def _header(tokens: Tokens) -> _Header:
    kind = tokens.word("MARKOV or BAYES")
    if kind not in ("MARKOV", "BAYES"):
        raise GraphError(f"{tokens.source}: the first word is {quote(kind)}; a UAI model starts with MARKOV or BAYES")
    n_variables = tokens.count("the number of variables")
    if n_variables == 0:
        raise GraphError(f"{tokens.source}: empty graph: 0 variables; at least one is needed")
    cardinality = tokens.integers(n_variables, "the numbers of states")
    for variable, states in enumerate(cardinality):
        if not 1 <= states <= MAX_CARDINALITY:
            raise GraphError(
                f"{tokens.source}: variable {variable} has {quote(states)} states; from 1 to {MAX_CARDINALITY} are possible"
            )
    scopes = []
    for factor in range(tokens.count("the number of factors")):
        scope = tokens.integers(tokens.count("the arity of factor", factor), "the scope of factor", factor)
        if scope and not 0 <= min(scope) <= max(scope) < n_variables:
            culprit = next(v for v in scope if not 0 <= v < n_variables)
            raise GraphError(
                f"{tokens.source}: factor {factor} names variable {quote(culprit)}; the variables are 0 to {n_variables - 1}"
            )
        scopes.append(scope)
    return _Header(kind, cardinality, scopes)


def _entries(tokens: Tokens, layout: FlatFactors, scopes: list[list[int]]) -> Floats:
    sizes = np.diff(layout.table_start).tolist()
    texts: list[str] = []
    for factor, size in enumerate(sizes):
        given = tokens.integer("the number of entries of factor", factor)
        if given != size:
            product = " x ".join(str(layout.cardinality[v]) for v in scopes[factor]) or "a constant"
            title = f"{tokens.source}: {factor_title(factor, scopes[factor])}"
            raise GraphError(f"{title}: {quote(given)} entries given, {size} needed ({product})")
        texts += tokens.take(size, "the table of factor", factor)
    tokens.end("the last table")
    return _floats(texts, layout, scopes, tokens.source)


def _floats(texts: list[str], layout: FlatFactors, scopes: list[list[int]], source: str) -> Floats:
    def blame(position: int, complaint: str) -> NoReturn:
        raise GraphError(_entry_message(position, texts, layout, scopes, source, complaint))

    return decimals(texts, blame)


def _entry_message(
    position: int, texts: list[str], layout: FlatFactors, scopes: list[list[int]], source: str, complaint: str
) -> str:
    factor = int(np.searchsorted(layout.table_start, position, side="right")) - 1
    entry = position - int(layout.table_start[factor])
    return f"{source}: {factor_title(factor, scopes[factor])}: entry {entry}, {quote(texts[position])}, {complaint}"


def _child(weights: Floats, layout: FlatFactors, scopes: list[list[int]], source: str) -> Int32s | None:
    """Return the children of a BAYES file, None where they are not each variable once."""
    for factor, scope in enumerate(scopes):
        if not scope:
            raise GraphError(f"factor {factor} of a BAYES file has no variables; a conditional table ends with its child")
    child = layout.scope[layout.scope_start[1:] - 1]
    try:
        check_rows(weights, layout, child, range(layout.cardinality.size), source)
    except GraphError as error:
        raise GraphError(f"{error}; the child is the last variable, or write MARKOV for weights") from None
    return child if is_acyclic(scopes, layout.cardinality.size) else None


def uai_text(graph: FactorGraph) -> str:
    """Return a model in UAI format; `parse_uai` gives the same tables to the bit, names and labels become numbers.

    A graph whose factors are all conditional tables with the child last is a BAYES file, any other a MARKOV file.

    Raises
    ------
    GraphError
        If a weight over- or underflows.

    Examples
    --------
    >>> print(uai_text(FactorGraph([2], [(0,)], [[0.4, 0.6]])), end="")
    MARKOV
    1
    2
    1
    1 0
    <BLANKLINE>
    2
    0.4 0.6
    """
    flat = graph.flat
    weights = list(map(repr, weights_of(graph).tolist()))
    scope = list(map(str, flat.scope.tolist()))
    starts, tables = flat.scope_start.tolist(), flat.table_start.tolist()
    kind = "BAYES" if graph.child is not None and is_conditional(graph) else "MARKOV"
    lines = [kind, str(graph.n_variables), " ".join(map(str, flat.cardinality.tolist())), str(graph.n_factors)]
    lines += [" ".join([str(b - a), *scope[a:b]]) for a, b in pairwise(starts)]
    lines += [f"\n{b - a}\n{' '.join(weights[a:b])}" for a, b in pairwise(tables)]
    return "\n".join(lines) + "\n"
