"""`log_partition`: the logarithm of the sum of all weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stochinf.api.asking import answered, asked
from stochinf.engine.driver import Report
from stochinf.graphs.answers import LogPartition
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.partition_methods import METHODS
from stochinf.graphs.question import chosen

__all__ = ["log_partition"]


def log_partition(
    graph: FactorGraph,
    evidence: Mapping[Any, Any] | None = None,
    method: str = "auto",
    *,
    chains: int | None = None,
    draws: int | None = None,
    warmup: int = 200,
    time: float | None = None,
    mcse: float | None = None,
    memory: int | None = None,
    rng: Any = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Callable[[Report], Any] | None = None,
) -> LogPartition:
    r"""Return the natural logarithm of the sum of the weights of all states that agree with the evidence.

    .. math:: \log Z = \log \sum_x \prod_f w_f(x_{scope(f)})

    For a Bayesian network that is the log probability of the evidence.

    Parameters
    ----------
    graph : FactorGraph
        From `FactorGraph`, `FactorGraph.from_networkx` or `read_graph`; models of networkx, dimod, pgmpy and pyAgrum work too.
    evidence : dict, optional
        Observed state (label) by variable, or likelihoods of its states (soft evidence).
    method : str
        "auto" eliminates variables where the tables fit in memory, which is exact, and anneals otherwise; where that leaves few
        particles, or its two ends disagree, it tempers too and takes the better of both. By name: "exact",
        "ais" (annealed importance sampling), "tempering" (bridge sampling), "bp" (Bethe), "trw" (upper bound), "mean-field"
        (lower bound).
    chains, draws, warmup, time, mcse : optional
        As in `stochinf.marginals`, for the methods that sample.
    memory : int, optional
        Bytes that tables may take; the default is a share of what is free.
    rng, threads, progress, callback : optional
        As in `stochinf.run`.

    Returns
    -------
    LogPartition
        `z.value` (natural logarithm), `z.log10`, `z.mcse`, `z.exact`, `z.bounds`, `z.method`, `z.reason`.

    Raises
    ------
    GraphError
        If the evidence is unknown, or no state is possible.
    StochinfError
        If another argument breaks a rule.

    References
    ----------
    Koller, D. and Friedman, N. (2009). Probabilistic Graphical Models, section 4.2.1.

    Examples
    --------
    >>> import stochinf as si
    >>> g = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> round(si.log_partition(g, evidence={0: 1}).value, 6)
    3.401197
    """
    answer = chosen(method, METHODS)
    return answered(
        answer,
        asked(
            graph, evidence, chains=chains, draws=draws, warmup=warmup, time=time, mcse=mcse, memory=memory, rng=rng,
            threads=threads, progress=progress, callback=callback,
        )
    )  # fmt: skip
