"""Binary pairwise models as spins: p(s) proportional to exp(sum_i h_i s_i + sum_ij J_ij s_i s_j), s in {-1, +1}."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.graphs.flat import FlatFactors, Floats, Int32s, Int64s
from stochinf.graphs.sorting import counting_argsort

__all__ = ["SpinParameters", "spin_parameters"]


class SpinParameters(NamedTuple):
    """Fields and couplings; state 0 of a variable is spin -1, state 1 is spin +1.

    Attributes
    ----------
    field : float64 (V,)
        h, one for each variable.
    edges : int32 (E, 2)
        The two variables of each coupling, the smaller number first, each pair once.
    coupling : float64 (E,)
        J, one for each edge.
    constant : float
        What the log score has besides the sums.
    """

    field: Floats
    edges: Int32s
    coupling: Floats
    constant: float


def spin_parameters(flat: FlatFactors) -> SpinParameters | None:
    """Return the spin form of a model whose variables are all binary, its factors positive and of one or two variables.

    With t_ab the log weight of a pair, a and b in {-, +}:

        J = (t_-- - t_-+ - t_+- + t_++) / 4,   h_i = (t_+- + t_++ - t_-- - t_-+) / 4,   constant = mean of t.

    Parallel factors are added up. Returns None for any other model.

    Examples
    --------
    >>> from stochinf.graphs import FactorGraph
    >>> graph = FactorGraph([2, 2], [(0, 1)], [[4.0, 1.0, 1.0, 4.0]])
    >>> graph.spins.coupling.round(4)
    array([0.6931])
    """
    arity = np.diff(flat.scope_start)
    if (flat.cardinality != 2).any() or (arity > 2).any() or not np.isfinite(flat.log_weights).all():
        return None
    one, two = np.flatnonzero(arity == 1), np.flatnonzero(arity == 2)
    single = _rows(flat.log_weights, flat.table_start, one, 2) / 2
    pair = _rows(flat.log_weights, flat.table_start, two, 4) / 4
    ends = _rows(flat.scope, flat.scope_start, two, 2)
    field = _added(flat.scope[flat.scope_start[one]], single @ [-1.0, 1.0], flat.cardinality.size)
    field += _added(ends[:, 0], pair @ [-1.0, -1.0, 1.0, 1.0], flat.cardinality.size)
    field += _added(ends[:, 1], pair @ [-1.0, 1.0, -1.0, 1.0], flat.cardinality.size)
    edges, coupling = _merged(ends, pair @ [1.0, -1.0, -1.0, 1.0], flat.cardinality.size)
    constant = single.sum() + pair.sum() + flat.log_weights[flat.table_start[:-1][arity == 0]].sum()
    for array in (field, edges, coupling):
        array.setflags(write=False)
    return SpinParameters(field, edges, coupling, float(constant))


def _rows(values: npt.NDArray[Any], start: Int64s, factors: npt.NDArray[Any], size: int) -> Any:
    """Return the rows (factors, size) of values that begin at the starts of some factors, as a view where they lie together."""
    if factors.size and factors[-1] - factors[0] == factors.size - 1:
        return values[start[factors[0]] : start[factors[-1] + 1]].reshape(-1, size)
    return values[start[factors][:, None] + np.arange(size)]


def _added(variables: Int32s | Int64s, values: Floats, n_variables: int) -> Floats:
    return np.bincount(variables, weights=values, minlength=n_variables).astype(np.float64)


def _merged(ends: Int32s, coupling: Floats, n_variables: int) -> tuple[Int32s, Floats]:
    """Return each pair once, in order, and the sum of its couplings in the order in which they are given."""
    low, high = np.minimum(ends[:, 0], ends[:, 1]), np.maximum(ends[:, 0], ends[:, 1])
    order = counting_argsort(high, n_variables)[1]
    order = order[counting_argsort(low[order], n_variables)[1]]
    low, high = low[order], high[order]
    first = np.append(True, (low[1:] != low[:-1]) | (high[1:] != high[:-1]))[: low.size]
    edges = np.stack([low[first], high[first]], axis=1).astype(np.int32, copy=False)
    if first.all():
        return edges, coupling[order].astype(np.float64, copy=False)
    which = np.empty(order.size, np.int64)
    which[order] = np.cumsum(first) - 1
    return edges, _added(which, coupling, len(edges))
