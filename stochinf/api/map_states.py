"""`map_state`: the most probable assignment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stochinf.api.asking import answered, asked
from stochinf.engine.driver import Report
from stochinf.graphs.answers import MapState
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.map_methods import METHODS
from stochinf.graphs.question import chosen

__all__ = ["map_state"]


def map_state(
    graph: FactorGraph,
    evidence: Mapping[Any, Any] | None = None,
    method: str = "auto",
    *,
    time: float | None = None,
    memory: int | None = None,
    rng: Any = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Callable[[Report], Any] | None = None,
) -> MapState:
    r"""Return the most probable state of all variables together, given the evidence.

    .. math:: x^* = \arg\max_x \sum_f \log w_f(x_{scope(f)})

    Parameters
    ----------
    graph : FactorGraph
        From `FactorGraph`, `FactorGraph.from_networkx` or `read_graph`; models of networkx, dimod, pgmpy and pyAgrum work too.
    evidence : dict, optional
        Observed state (label) by variable, or likelihoods of its states (soft evidence).
    method : str
        "auto" eliminates variables where the tables fit in memory, which is exact, and searches otherwise, with a bound where
        one can be had. By name: "exact", "search", "annealing", "tabu", "cluster-tempering", "icm",
        "max-product".
    time : float, optional
        Seconds that a search may take, beyond compiling; 10 by default. Elimination takes what it needs.
    memory : int, optional
        Bytes that tables may take; the default is a share of what is free.
    rng, threads, progress, callback : optional
        As in `stochinf.run`.

    Returns
    -------
    MapState
        `m.state` (label by variable), `m.log_score`, `m.status` ("optimal" or "heuristic"), `m.bound`, `m.gap`, `m.reason`.

    Raises
    ------
    GraphError
        If the evidence is unknown, or no state is possible.
    StochinfError
        If another argument breaks a rule.

    References
    ----------
    Koller, D. and Friedman, N. (2009). Probabilistic Graphical Models, chapter 13.

    Examples
    --------
    >>> import stochinf as si
    >>> g = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> m = si.map_state(g, evidence={0: 0})
    >>> m.state, m.status
    ({0: 0, 1: 0}, 'optimal')
    """
    answer = chosen(method, METHODS)
    return answered(
        answer, asked(graph, evidence, time=time, memory=memory, rng=rng, threads=threads, progress=progress, callback=callback)
    )
