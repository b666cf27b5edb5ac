"""Quadratic unconstrained binary optimisation as a factor graph: the most probable state is a minimum."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import flat_factors, log_of_weights
from stochinf.graphs.naming import quote

__all__ = ["Qubo", "qubo"]


class Qubo(FactorGraph):
    """A `FactorGraph` whose log score is minus a quadratic function; made by `qubo`.

    Examples
    --------
    >>> import stochinf as si
    >>> si.graphs.qubo({("a", "a"): -1.0, ("a", "b"): 3.0}).n_variables
    2
    """

    def value(self, state: Mapping[Any, Hashable] | npt.ArrayLike) -> float:
        """Return x'Qx + offset.

        Parameters
        ----------
        state : dict of variable to 0 or 1, or array (V,) of them

        Raises
        ------
        GraphError
            If a variable or a state is unknown, or one is missing.

        Examples
        --------
        >>> import stochinf as si
        >>> si.graphs.qubo({("a", "a"): -1.0, ("a", "b"): 3.0}, offset=10.0).value({"a": 1, "b": 1})
        12.0
        """
        if isinstance(state, Mapping):
            return 0.0 - self.log_score(state)
        bits = np.asarray(state)
        if bits.shape != (self.n_variables,) or not np.isin(bits, (0, 1)).all():
            raise GraphError(f"value: state is {quote(state)}; give 0 or 1 for each of the {self.n_variables} variables")
        return 0.0 - self.log_score(dict(zip(self.variables, bits.astype(int).tolist(), strict=True)))


def qubo(Q: Any, offset: float = 0.0) -> Qubo:
    r"""Return the minimisation of a quadratic function of binary variables as a factor graph.

    .. math:: -\log p(x) - \log Z = \sum_{ij} Q_{ij} x_i x_j + c, \quad x_i \in \{0, 1\}.

    Parameters
    ----------
    Q : dict of (a, b) to number, or square matrix (dense or scipy.sparse)
        Q[a, b] and Q[b, a] add up; Q[a, a] is linear.
    offset : float
        The constant c.

    Returns
    -------
    Qubo
        A FactorGraph over the variables, in the order in which they appear, with `value(state)`.

    Raises
    ------
    GraphError
        If a key is no pair, a coefficient is not finite, or the matrix is not square.

    References
    ----------
    Kochenberger, G. et al. (2014). The unconstrained binary quadratic programming problem: a survey. Journal of Combinatorial
    Optimization 28, equation 1.

    Examples
    --------
    >>> import stochinf as si
    >>> graph = si.graphs.qubo({("a", "a"): -1, ("b", "b"): -1, ("a", "b"): 3})
    >>> graph.value({"a": 1, "b": 0})
    -1.0
    """
    names, rows, columns, values = _of_dict(Q) if isinstance(Q, Mapping) else _of_matrix(Q)
    if isinstance(offset, (bool, str)) or not np.isfinite(float(offset)):
        raise GraphError(f"qubo: offset = {quote(offset)}; a finite number is needed")
    if not np.isfinite(values).all():
        worst = int(np.argmin(np.isfinite(values)))
        pair = (names[rows[worst]], names[columns[worst]])
        raise GraphError(f"qubo: the coefficient of {quote(pair)} is {values[worst]}; finite numbers are needed")
    n, alone = len(names), rows == columns
    linear = np.bincount(rows[alone], values[alone], n)
    key, which = np.unique(np.minimum(rows, columns)[~alone] * n + np.maximum(rows, columns)[~alone], return_inverse=True)
    pairs, active = np.bincount(which, values[~alone], key.size), np.flatnonzero(linear)
    scope = np.concatenate([active, np.stack([key // n, key % n], axis=1).reshape(-1)]).astype(np.int32)
    arity = np.repeat([0, 1, 2], [int(offset != 0), active.size, key.size])
    layout = flat_factors(np.full(n, 2, np.int32), np.concatenate([[0], np.cumsum(arity)]), scope, names)
    tables = (-linear[active, None] * [0.0, 1.0], -pairs[:, None] * [0.0, 0.0, 0.0, 1.0])
    logs = np.concatenate([np.full(int(offset != 0), -float(offset)), *(table.reshape(-1) for table in tables)]) + 0.0
    return Qubo.from_flat(layout._replace(log_weights=log_of_weights(logs, layout, names, logarithms=True)), names)


Parts = tuple[list[Any], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]


def _of_dict(Q: Mapping[Any, Any]) -> Parts:
    index: dict[Any, int] = {}
    rows, columns, values = [], [], []
    for pair, value in Q.items():
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise GraphError(f"qubo: key {quote(pair)}; give pairs of variables, (a, a) for what is linear")
        if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise GraphError(f"qubo: the coefficient of {quote(pair)} is {quote(value)}; give a number")
        rows.append(index.setdefault(pair[0], len(index)))
        columns.append(index.setdefault(pair[1], len(index)))
        values.append(float(value))
    if not index:
        raise GraphError("qubo: Q is empty; give at least one coefficient")
    return list(index), np.array(rows, np.int64), np.array(columns, np.int64), np.array(values)


def _of_matrix(Q: Any) -> Parts:
    if not hasattr(Q, "tocoo"):
        try:
            Q = np.asarray(Q, dtype=np.float64)
        except (TypeError, ValueError):
            raise GraphError(f"qubo: Q is {quote(Q)}; give a dict of pairs or a square matrix of numbers") from None
    if Q.ndim != 2 or Q.shape[0] != Q.shape[1] or not Q.shape[0]:
        raise GraphError(f"qubo: Q has shape {Q.shape}; give a dict of pairs or a square matrix")
    if hasattr(Q, "tocoo"):
        sparse = Q.tocoo()
        rows, columns, values = sparse.row, sparse.col, sparse.data
    else:
        rows, columns = np.nonzero(Q)
        values = Q[rows, columns]
    return list(range(Q.shape[0])), rows.astype(np.int64), columns.astype(np.int64), values.astype(np.float64)
