"""What the mean statistics of complete data can be at most and at least: where they are, the likelihood has no maximum."""

from __future__ import annotations

import numpy as np

from stochinf.graphs.flat import Floats, Int64s
from stochinf.learning.model import Entries, Model, Rules, statistics
from stochinf.learning.observations import Observations
from stochinf.learning.precision import refuse_separable

__all__ = ["refuse_extremes", "statistic_bounds"]


def statistic_bounds(model: Model) -> tuple[Floats, Floats]:
    """Return the sums over factors of the least and the largest contributions to each statistic, float64 (W,) each.

    Examples
    --------
    >>> from stochinf.graphs import WeightedGraph
    >>> from stochinf.learning.bounds import statistic_bounds
    >>> from stochinf.learning.model import learning_model
    >>> graph = WeightedGraph([2, 2], [(0,), (1,)], ["h", "h"], {"h": [-1, 2]})
    >>> [bound.tolist() for bound in statistic_bounds(learning_model(graph))]
    [[-2.0], [4.0]]
    """
    terms = model.terms
    if isinstance(terms, Rules):
        return _of_rules(terms, model.n_weights)
    return _of_entries(terms, model.n_weights)


def _of_rules(terms: Rules, count: int) -> tuple[Floats, Floats]:
    """Return the bounds of rules; those of one function and length share their levels."""
    arity = np.diff(terms.scope_start)
    heads = np.zeros(arity.size, np.bool_)
    if arity.size:
        heads = np.maximum.reduceat(terms.step, terms.scope_start[:-1]) > 1
    sizes: Int64s = np.where(heads, 2 * arity, arity + 1)
    starts, which = np.unique(terms.level_start, return_inverse=True)
    low, high = np.zeros((2, arity.size))
    for kind, start in enumerate(starts.tolist()):
        inside = which == kind
        levels = terms.levels[start : start + int(sizes[inside].max())]
        low[inside], high[inside] = levels.min(), levels.max()
    low, high = low * terms.feature, high * terms.feature
    sides = np.minimum(low, high), np.maximum(low, high)
    return tuple(np.bincount(terms.weight_id, side, count) for side in sides)  # type: ignore[return-value]


def _of_entries(terms: Entries, count: int) -> tuple[Floats, Floats]:
    """Return the bounds of tables: of each factor and weight the extremes over its possible entries, 0 for those without."""
    sizes = np.diff(terms.table_start)
    factor = np.repeat(np.arange(sizes.size), sizes)
    active = (terms.weight_id >= 0) & (terms.base > -np.inf)
    possible = np.bincount(factor[terms.base > -np.inf], minlength=sizes.size)
    pairs, which, held = np.unique(
        factor[active] * np.int64(count) + terms.weight_id[active], return_inverse=True, return_counts=True
    )
    partly = held < possible[pairs // count]
    found = []
    for extreme, start in ((np.minimum, np.inf), (np.maximum, -np.inf)):
        side = np.full(pairs.size, start)
        extreme.at(side, which.ravel(), terms.feature[active])
        side = np.where(partly, extreme(side, 0.0), side)
        found.append(np.asarray(np.bincount(pairs % count, side, count), np.float64))
    return found[0], found[1]


def refuse_extremes(model: Model, observed: Observations) -> None:
    """Refuse complete data in which the statistic of a weight is as large, or as small, as it can be.

    Raises
    ------
    GraphError
        Naming the weights, and what helps.
    """
    if (observed.rows < 0).any() or observed.given.any():
        return
    seen = statistics(model, observed.rows, observed.weights) / observed.total
    low, high = statistic_bounds(model)
    learnt = model.learnt
    refuse_separable([model.names[k] for k in learnt.tolist()], seen[learnt], low[learnt], high[learnt])
