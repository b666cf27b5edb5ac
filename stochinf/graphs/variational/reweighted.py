"""Tree-reweighted belief propagation: an upper bound on log Z."""

from __future__ import annotations

from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.variational.beliefs import messages_of, refreshed
from stochinf.graphs.variational.forests import forest_weights
from stochinf.graphs.variational.free_energy import beliefs_of, log_partition_of
from stochinf.graphs.variational.layout import message_graph
from stochinf.graphs.variational.loopy import pass_messages
from stochinf.graphs.variational.messages import SumProduct
from stochinf.graphs.variational.passing import check_passing
from stochinf.graphs.variational.result import Variational

__all__ = ["tree_reweighted"]

DAMPINGS = (0.3, 0.7)


def tree_reweighted(
    graph: FactorGraph,
    *,
    damping: float | None = None,
    sweeps: int = 2000,
    tolerance: float = 1e-9,
    time: float | None = None,
    schedule: str = "scan",
) -> Variational:
    r"""Return beliefs by tree-reweighted belief propagation, and an upper bound on log Z.

    Factor f counts with its frequency :math:`\rho_f` in random forests (`stochinf.graphs.variational.forests`); factors of three
    and more variables too, whose forests are sets of factors without a cycle. The problem is convex: the fixed point is
    unique, and its free energy is at least log Z. Before convergence it need not be; with strong couplings messages settle
    slowly. Damping is 0.3, then 0.7, unless given.

    Parameters
    ----------
    graph, damping, sweeps, tolerance, time, schedule
        As in `belief_propagation`.

    Returns
    -------
    Variational
        `log_partition` is an upper bound where `converged`.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.variational import tree_reweighted
    >>> ring = si.FactorGraph([2] * 3, [(0, 1), (1, 2), (2, 0)], [[2, 1, 1, 2]] * 3)
    >>> r = tree_reweighted(ring)
    >>> r.converged, bool(r.log_partition >= np.log(28))
    (True, True)

    References
    ----------
    Wainwright, M. J., Jaakkola, T. S. and Willsky, A. S. (2005). A new class of upper bounds on the log partition function. IEEE
    Trans. Inf. Theory 51(7), theorem 2 and equation 39.
    """
    check_passing(damping, sweeps, tolerance, time, schedule)
    plain = message_graph(graph)
    target = plain.weighted(forest_weights(plain))
    state = messages_of(target)
    outcome = pass_messages(SumProduct, target, state, refreshed, damping, sweeps, tolerance, time, schedule, DAMPINGS)
    return Variational(beliefs_of(target, state), log_partition_of(target, state), *outcome)
