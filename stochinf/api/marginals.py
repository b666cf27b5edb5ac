"""`marginals`: the probabilities of every variable's states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stochinf.engine import progress as progress_module
from stochinf.engine.convert import counted
from stochinf.engine.driver import Controls, Report, check_controls
from stochinf.engine.streams import entropy_of
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.feasible import check_possible
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.methods import METHODS
from stochinf.graphs.question import Question, Sampling, as_graph, chosen, horizon

__all__ = ["marginals"]


def marginals(
    graph: FactorGraph,
    evidence: Mapping[Any, Any] | None = None,
    method: str = "gibbs",
    *,
    chains: int = 64,
    draws: int | None = None,
    warmup: int = 200,
    time: float | None = None,
    mcse: float | None = None,
    rng: Any = None,
    threads: int | None = None,
    progress: bool | None = None,
    callback: Callable[[Report], Any] | None = None,
) -> Marginals:
    """Return the marginal probability of every state of every variable, with error bars.

    Gibbs sampling averages the conditional distributions that it draws from (Rao-Blackwell), not the draws: the same mean,
    a smaller error.

    Parameters
    ----------
    graph : FactorGraph
        From `FactorGraph`, `FactorGraph.from_networkx` or `read_graph`; a networkx graph works too.
    evidence : dict, optional
        Observed state (label) by variable.
    method : {"gibbs"}
        Single-site Gibbs sampling, chains as SIMD lanes.
    chains : int
        Independent chains; 8 or more give error bars from the chains themselves.
    draws : int, optional
        Sweeps per chain after warm-up; 1000 unless `time` or `mcse` ends the run. A sweep visits every free variable once.
    warmup : int
        Sweeps before.
    time : float, optional
        Stop after so many seconds, warm-up included.
    mcse : float, optional
        Stop when the standard error of every probability is at most this.
    rng, threads, progress, callback
        As in `stochinf.run`.

    Returns
    -------
    Marginals
        `r[node]`, `r.mcse[node]`, `r.rhat[node]`, `r.ess[node]`, `r.method`, `r.reason`, `r.exact`, `r.to_arviz()`.

    Raises
    ------
    GraphError
        If the evidence is unknown or impossible, or a chain finds no state of positive probability during warm-up.
    StochinfError
        If another argument breaks a rule.

    Examples
    --------
    >>> import stochinf as si
    >>> g = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> r = si.marginals(g, evidence={1: 1}, rng=0)
    >>> bool(abs(r[0][1] - 27 / 28) < 0.01), r[1].tolist()
    (True, [0.0, 1.0])

    References
    ----------
    Gelfand, A. E. and Smith, A. F. M. (1990). Sampling-based approaches to calculating marginal densities. JASA 85, section 2.3.
    """
    answer = chosen(method, METHODS)
    graph = as_graph(graph)
    clamped = check_evidence(graph, evidence)
    check_possible(graph, clamped)
    sweeps, rule = horizon(draws, time, mcse)
    controls = check_controls(Controls(rule, threads, None, progress_module.shown(progress), None, callback))
    before, chains = counted("warmup", warmup, least=0), counted("chains", chains)
    return answer(Question(graph, clamped, Sampling(chains, sweeps, before, time, entropy_of(rng), controls)))
