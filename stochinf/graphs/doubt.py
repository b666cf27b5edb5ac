r"""Error bars of what zeros keep a sampler from: nothing is known there, whatever the chains say.

Where zeros part the possible states, chains tell of the classes that they started in. How much those weigh against each other
no chain ever sees, and neither R-hat nor the spread of the chains bounds the error of a single marginal: all chains may agree
on a conditional whose other value is behind the wall. The standard error reported is then that of a probability of which
nothing is known, its root mean square distance from a number spread evenly between 0 and 1,

.. math:: \sqrt{\tfrac{1}{12} + (p - \tfrac{1}{2})^2}.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from stochinf.graphs.conditioning import components, narrowed, restricted
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.feasible import connectivity
from stochinf.graphs.flat import Floats, Int32s
from stochinf.graphs.marginals import Marginals

__all__ = ["doubted", "doubtful"]

FROZEN = 10.0
"""R-hat from which chains count as stuck where they started: they differ ten times as much as each of them moves."""


def doubtful(answer: Marginals, parted: bool, frozen: float = FROZEN) -> Marginals:
    """Return an answer with the error bars of ignorance where zeros keep chains apart.

    Parameters
    ----------
    answer : Marginals
        By a sampler.
    parted : bool
        Whether components that zeros are proved to part for single moves count.
    frozen : float
        R-hat above which components with zeros count in any case.

    Examples
    --------
    >>> import warnings
    >>> import stochinf as si
    >>> equal = si.FactorGraph([2, 2], [(0, 1)], [[1, 0, 0, 3]])
    >>> with warnings.catch_warnings(action="ignore"):
    ...     r = si.marginals(equal, method="gibbs", rng=0)
    >>> bool(abs(r[0][1] - 0.75) < 2 * r.mcse[0][1] < 1.2)
    True
    """
    graph = answer.graph
    stuck = np.fmax.reduce(answer.worst_rhat, initial=1.0) > frozen
    if graph.positive or not answer.sweeps or not (parted or stuck):
        return answer
    doubt = doubted(graph, answer.clamped, answer.worst_rhat, parted, frozen)
    if not doubt.any():
        return answer
    unknown = np.sqrt(1.0 / 12.0 + (answer.probability - 0.5) ** 2)
    return replace(answer, error=np.where(doubt, np.maximum(answer.error, unknown), answer.error))


def doubted(graph: FactorGraph, clamped: Int32s, rhat: Floats, parted: bool, frozen: float = FROZEN) -> npt.NDArray[np.bool_]:
    """Return of which states (sum of n_states,) a sampler knows nothing; states that evidence and zeros decide are known.

    Parameters
    ----------
    graph : FactorGraph
    clamped : int32 (V,)
        State index of evidence variables, -1 for free ones.
    rhat : float64 (V,)
    parted, frozen
        As in `doubtful`.

    Examples
    --------
    Variables 0 and 1 are equal, 2 is on its own:

    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.doubt import doubted
    >>> graph = si.FactorGraph([2, 2, 2], [(0, 1), (2,)], [[1, 0, 0, 3], [1, 2]])
    >>> doubted(graph, np.full(3, -1, np.int32), np.ones(3), True).tolist()
    [True, True, True, True, False, False]
    """
    if not graph.tabular:
        return np.repeat(clamped < 0, graph.n_states)
    left = narrowed(graph, clamped)
    doubt = np.zeros(left.graph.n_variables, bool)
    for part in components(left.graph):
        piece = restricted(left.graph, part)
        stuck = np.fmax.reduce(rhat[left.free[part]], initial=1.0) > frozen
        if not piece.positive and (stuck or (parted and connectivity(piece).connected is False)):
            doubt[part] = True
    return left.spread(np.repeat(doubt, left.graph.n_states).astype(float), certain=0.0) > 0.0
