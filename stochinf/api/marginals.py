"""`marginals`: the probabilities of every variable's states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stochinf.api.asking import answered, asked
from stochinf.engine.driver import Report
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.methods import METHODS
from stochinf.graphs.question import chosen

__all__ = ["marginals"]


def marginals(
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
    order: str = "scan",
    rng: Any = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Callable[[Report], Any] | None = None,
) -> Marginals:
    """Return the marginal probability of every state of every variable, with error bars, and the method that gave them.

    Sampling methods average the conditional distributions that they draw from (Rao-Blackwell), not the draws: the same mean,
    a smaller error.

    Parameters
    ----------
    graph : FactorGraph
        From `FactorGraph`, `FactorGraph.from_networkx` or `read_graph`; models of networkx, dimod, pgmpy and pyAgrum work too.
    evidence : dict, optional
        Observed state (label) by variable; or soft evidence, the likelihoods of its states (a list, an array, or a dict by
        state). Many cases at once are for `marginals_batch`.
    method : str
        "auto" is exact where tables fit in memory and time, and samples otherwise, by what mixes; `r.reason` says which and why.
        Exact: "exact". Sampling: "gibbs", "tempering" and others that docs/graphs.md lists; "poisson-gibbs" for hubs of thousands
        of weak factors. "hogwild" lets threads share chains: not exact, not reproducible.
    chains : int, optional
        Independent chains of a sampler: 64, or 16 ladders of "tempering"; 8 or more give error bars from the chains themselves.
    draws : int, optional
        Sweeps per chain after warm-up; 1000 unless `time` or `mcse` ends the run. A sweep visits every free variable once.
    warmup : int
        Sweeps before; cut short at half of `time`.
    time : float, optional
        Seconds for all, warm-up included; "auto" plans elimination by it too.
    mcse : float, optional
        Stop when the standard error of every probability is at most this.
    memory : int, optional
        Bytes that tables of exact inference may take; the default is a share of what is free.
    order : {"scan", "random", "colours"}
        In which single-site samplers visit the variables; "random" is a new permutation for each sweep, "colours" takes classes
        of variables that share no factor.
    rng, threads, progress, callback : optional
        As in `stochinf.run`.

    Returns
    -------
    Marginals
        `r[node]`, `r.mcse[node]`, `r.rhat[node]`, `r.ess[node]`, `r.method`, `r.reason`, `r.exact`, `r.log_partition`,
        `r.to_networkx()`, `r.to_arviz()`, `r.plot()`.

    Raises
    ------
    GraphError
        If the evidence is unknown or impossible, or a chain finds no state of positive probability during warm-up.
    StochinfError
        If another argument breaks a rule.

    References
    ----------
    Gelfand, A. E. and Smith, A. F. M. (1990). Sampling-based approaches to calculating marginal densities. JASA 85, section 2.3.

    Examples
    --------
    >>> import stochinf as si
    >>> g = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> r = si.marginals(g, evidence={1: 1})
    >>> r[0].round(4).tolist(), r[1].tolist(), r.exact
    ([0.0357, 0.9643], [0.0, 1.0], True)
    >>> sampled = si.marginals(g, evidence={1: 1}, method="gibbs", rng=0)
    >>> bool(abs(sampled[0][1] - 27 / 28) < 4 * sampled.mcse[0][1] + 1e-6)
    True
    """
    answer = chosen(method, METHODS)
    return answered(
        answer,
        asked(
            graph, evidence, chains=chains, draws=draws, warmup=warmup, time=time, mcse=mcse, memory=memory, order=order, rng=rng,
            threads=threads, progress=progress, callback=callback,
        )
    )  # fmt: skip
