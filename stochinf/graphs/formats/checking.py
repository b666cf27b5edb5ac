"""What a model file holds: `check`, and `convert` from one format to another."""

import os
from typing import NamedTuple

import numpy as np

from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Int64s
from stochinf.graphs.formats.conditionals import is_conditional
from stochinf.graphs.formats.files import WRITERS, read_graph, suffix_of, write_graph
from stochinf.graphs.formats.textfile import Path
from stochinf.graphs.logic.graph import LogicalGraph

__all__ = ["ModelReport", "check", "convert", "report"]

_MOST_VARIABLES = 100_000
_MOST_CELLS = 2.0**30
_EXACT = 1e-9
"""How far from 1 a row sums when only rounding of float64 is to blame."""


class ModelReport(NamedTuple):
    """What a model holds.

    Attributes
    ----------
    kind : str
        "Bayesian network", "spins" (binary, pairwise, positive), "factor graph" or "logical factors" (too wide for tables).
    variables, factors, entries : int
        How many; entries are those of all tables.
    states : tuple of int
        Fewest and most states of a variable.
    arity : tuple of int
        Fewest and most variables of a factor.
    zeros : float
        Share of entries that are 0.
    components : int
        Parts that have nothing to do with each other.
    width : int or None
        Variables of the largest table of exact elimination, less one, in the order found; None where it was given up.
    cells : float
        Entries of all these tables; infinite where it was given up.
    warnings : list of str
        What is allowed and looks like a mistake.
    """

    kind: str
    variables: int
    factors: int
    entries: int
    states: tuple[int, int]
    arity: tuple[int, int]
    zeros: float
    components: int
    width: int | None
    cells: float
    warnings: list[str]


def check(path: Path) -> ModelReport:
    """Read a model file and say what it holds.

    Parameters
    ----------
    path : path
        As for `stochinf.graphs.formats.read_graph`.

    Raises
    ------
    GraphError
        If the file breaks a rule of its format.
    MemoryLimitError
        If the model is too large.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.uai")
    ...     _ = path.write_text("MARKOV 3 2 3 2 1 2 0 1 6 1 2 0 4 5 6")
    ...     found = check(path)
    >>> found.variables, found.components, found.width, found.warnings
    (3, 2, 1, ['1 of 3 variables has no factor: 2'])
    """
    return report(read_graph(path))


def report(graph: FactorGraph) -> ModelReport:
    """Return what a graph holds; as `check`."""
    from stochinf.graphs.conditioning import components

    if isinstance(graph, LogicalGraph) and not graph.tabular:
        return _wide(graph)
    arity = np.diff(graph.flat.scope_start)
    width, cells = _width(graph)
    kind = "Bayesian network" if is_conditional(graph) else "spins" if graph.spins is not None else "factor graph"
    return ModelReport(
        kind=kind,
        variables=graph.n_variables,
        factors=graph.n_factors,
        entries=graph.log_weights.size,
        states=(int(graph.n_states.min()), int(graph.n_states.max())),
        arity=(int(arity.min()), int(arity.max())) if arity.size else (0, 0),
        zeros=float(np.isneginf(graph.log_weights).mean()) if graph.log_weights.size else 0.0,
        components=len(components(graph)),
        width=width,
        cells=cells,
        warnings=_warnings(graph),
    )


def _wide(graph: LogicalGraph) -> ModelReport:
    """Report on rules that have no tables."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    logic, n = graph.logic, graph.n_variables
    arity = np.diff(logic.scope_start)
    factor = np.repeat(np.arange(arity.size), arity)
    ties = coo_array((np.ones(logic.scope.size, np.int8), (logic.scope, n + factor)), shape=(n + arity.size, n + arity.size))
    return ModelReport(
        kind="logical factors",
        variables=n,
        factors=graph.n_factors,
        entries=0,
        states=(int(graph.n_states.min()), int(graph.n_states.max())),
        arity=(int(arity.min()), int(arity.max())),
        zeros=0.0,
        components=int(connected_components(ties, directed=False)[0]),
        width=None,
        cells=np.inf,
        warnings=[],
    )


def _width(graph: FactorGraph) -> tuple[int | None, float]:
    from stochinf.graphs.exact import plan_elimination

    if graph.n_variables > _MOST_VARIABLES:
        return None, np.inf
    plan = plan_elimination(graph, most_cells=_MOST_CELLS, tries=0)
    return (plan.width, plan.cells) if plan.complete else (None, np.inf)


def _warnings(graph: FactorGraph) -> list[str]:
    flat = graph.flat
    found = []
    alone = np.flatnonzero(np.bincount(flat.scope, minlength=graph.n_variables) == 0)
    found += _named(alone, graph, "has no factor", "have no factor")
    found += _named(np.flatnonzero(flat.cardinality == 1), graph, "has a single state", "have a single state")
    if is_conditional(graph):
        found += _rows(graph)
    elif graph.n_factors:
        starts = flat.table_start[:-1]
        flatness = np.maximum.reduceat(flat.log_weights, starts) == np.minimum.reduceat(flat.log_weights, starts)
        constant = np.flatnonzero(flatness & (np.diff(flat.scope_start) > 0))
        if constant.size:
            first = graph.title(int(constant[0]))
            found.append(f"{constant.size} of {graph.n_factors} factors are constant, the first is {first}")
    return found


def _named(which: Int64s, graph: FactorGraph, one: str, many: str) -> list[str]:
    if not which.size:
        return []
    names = ", ".join(str(graph.variables[v]) for v in which[:5].tolist()) + (", ..." if which.size > 5 else "")
    return [f"{which.size} of {graph.n_variables} variables {one if which.size == 1 else many}: {names}"]


def _rows(graph: FactorGraph) -> list[str]:
    flat = graph.flat
    counts = flat.cardinality[graph.child].astype(np.int64)
    lengths = np.repeat(counts, np.diff(flat.table_start) // counts)
    sums = np.add.reduceat(np.exp(flat.log_weights), np.cumsum(lengths) - lengths)
    off = np.abs(sums - 1)
    wrong = np.flatnonzero(off > _EXACT)
    if not wrong.size:
        return []
    first = int((np.cumsum(lengths) - lengths)[wrong[0]])
    factor = int(np.searchsorted(flat.table_start, first, side="right")) - 1
    size = f"{wrong.size} of {sums.size} rows of conditional tables do not sum to 1, by up to {off.max():.2g}"
    return [f"{size}, the first in {graph.title(factor)}; tables are used as they are"]


def convert(source: Path, target: Path) -> list[str]:
    """Read a model file and write it in another format, each told by its suffix.

    Parameters
    ----------
    source, target : path
        As for `stochinf.graphs.formats.read_graph`; an existing target is replaced.

    Returns
    -------
    list of str
        What the new format does not hold.

    Raises
    ------
    GraphError
        If the source breaks a rule of its format, the target's format cannot hold the model, or it cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "rain.bif")
    ...     _ = path.write_text("variable R { type discrete [2] { no, yes }; } probability ( R ) { table 0.8, 0.2; }")
    ...     convert(path, path.with_suffix(".uai"))
    ['names of variables', 'labels of states']
    """
    suffix = suffix_of(target, WRITERS, "model")
    graph = read_graph(source)
    write_graph(graph, os.fspath(target))
    lost = []
    if suffix in (".uai", ".fg"):
        numbers = suffix == ".fg" and all(isinstance(name, int) for name in graph.variables)
        if graph.variables != list(range(graph.n_variables)) and not numbers:
            lost.append("names of variables")
        if any(list(graph.labels(v)) != list(range(count)) for v, count in enumerate(graph.n_states.tolist())):
            lost.append("labels of states")
    if suffix == ".fg" and is_conditional(graph):
        lost.append("which factor is whose conditional")
    return lost
