"""Marginals by blocked Gibbs sampling."""

from __future__ import annotations

import time as clock
from collections.abc import Sequence
from typing import Any

import numpy as np

from stochinf.graphs.blocked.blocked import Blocked, covering_blocks
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.feasible import connectivity, joint_blocks
from stochinf.graphs.flat import Int32s
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.question import Sampling
from stochinf.graphs.sampled import SHORTEST, sampled_marginals
from stochinf.graphs.targets import SpinGraph, TableGraph, graph_target

__all__ = ["blocked_marginals"]


def blocked_marginals(
    graph: FactorGraph, clamped: Int32s, sampling: Sampling, *, cells: int = 0, reason: str = "blocked sampling was asked for"
) -> Marginals:
    """Return the marginals of a graph by drawing blocks of bounded width; variables that zeros tie together share a block.

    Parameters
    ----------
    graph : FactorGraph
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.
    sampling : Sampling
        A sweep draws every block once.
    cells : int
        Entries that a table of a block may have; 0 chooses.
    reason : str
        What the answer says of why this method.

    Returns
    -------
    Marginals
        Means of the marginals of blocks given the rest (Rao-Blackwell).

    Raises
    ------
    GraphError
        If no configuration is possible, or variables tied together need too large a table.

    Examples
    --------
    Two variables that zeros keep equal, so that neither can move alone:

    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.engine.driver import Controls
    >>> from stochinf.graphs.blocked.marginal import blocked_marginals
    >>> from stochinf.graphs.question import Sampling
    >>> g = si.FactorGraph([2, 2], [(0, 1)], [[1, 0, 0, 3]])
    >>> blocked_marginals(g, np.full(2, -1, np.int32), Sampling(8, 20, 0, None, 1, Controls()))[0].round(6).tolist()
    [0.25, 0.75]
    """
    began = clock.monotonic()
    target = graph_target(graph, clamped)
    told: dict[str, Any] = {"method": "blocked", "reason": reason}
    groups: Sequence[Int32s] = ()
    if not graph.positive:
        groups = joint_blocks(graph, clamped)
        reach = connectivity(graph, clamped, groups)
        if reach.connected is not True:
            told["warnings"] = (f"moves of the blocks may not reach every state: {reach.reason}",)
    start, members = _covering(target, cells, groups)
    kernel = Blocked(sums=True, cells=cells, block_start=start, block_members=members)
    if sampling.time is not None:
        sampling = sampling.within(max(SHORTEST, sampling.time - (clock.monotonic() - began)))
    return sampled_marginals(graph, clamped, target, kernel, sampling, **told)


def _covering(target: SpinGraph | TableGraph, cells: int, groups: Sequence[Int32s]) -> tuple[Int32s, Int32s]:
    """Return blocks that cover the free variables, each group inside one; none where a choice of the kernel does."""
    if not groups:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    return covering_blocks(target, cells, groups)
