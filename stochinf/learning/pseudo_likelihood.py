r"""Pseudo-likelihood: each variable is predicted from all others, and no partition function is needed.

.. math:: f(w) = -\frac{1}{\sum_r q_r} \sum_r q_r \sum_i \log p_w(x_{ri} \mid x_{r, -i}) + \frac{\lambda_2}{2} |w|^2

is a finite sum over rows, or over the variables of one graph, so that every rule of `stochinf.optim` minimises it. Estimates are
consistent; their covariance is Godambe's sandwich (`stochinf.learning.sandwich`), not the inverse of the curvature.

References
----------
Besag, J. (1975). Statistical analysis of non-lattice data. The Statistician 24(3), equation (3.1).
Lindsay, B. G. (1988). Composite likelihood methods. Contemporary Mathematics 80.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.engine.memory import demand
from stochinf.graphs.naming import listing, quote
from stochinf.learning.conditionals import PseudoLikelihood
from stochinf.learning.instances import learnt_entries
from stochinf.learning.model import Model
from stochinf.learning.observations import Observations

__all__ = ["pseudo_likelihood"]


def pseudo_likelihood(model: Model, observed: Observations, l1: float = 0.0, l2: float = 0.0) -> PseudoLikelihood:
    """Return the pseudo-likelihood of complete data.

    Of one graph the objective is the mean over its variables, so that penalties are divided by their number.

    Raises
    ------
    GraphError
        If a state is missing or soft, or an observed configuration is impossible.
    MemoryLimitError
        If logical factors have too many variables for tables.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.graphs import WeightedGraph
    >>> from stochinf.learning.model import learning_model
    >>> from stochinf.learning.observations import observations
    >>> from stochinf.learning.pseudo_likelihood import pseudo_likelihood
    >>> coin = WeightedGraph([2], [(0,)], [[None, "w"]])
    >>> target = pseudo_likelihood(learning_model(coin), observations(coin, [[1], [1], [1], [0]], None, (), None))
    >>> target.full_gradient(np.log([3.0])).round(12) + 0.0, round(target.objective(np.log([3.0])), 6)
    (array([0.]), 0.562335)
    """
    refuse_missing(model, observed)
    entries = learnt_entries(model)
    order = np.argsort(entries.scope, kind="stable")
    degree = np.bincount(entries.scope, minlength=entries.cardinality.size)
    factor = np.repeat(np.arange(entries.n_factors, dtype=np.int32), np.diff(entries.scope_start))
    demand(16 * entries.scope.size + 8 * observed.rows.size, f"pseudo-likelihood of {observed.rows.size} states")
    members = np.flatnonzero(~observed.given & (degree > 0)).astype(np.int32)
    ends = np.arange(members.size + 1) if observed.single else np.array([0, members.size])
    share = float(members.size) if observed.single else 1.0
    widest = int(entries.cardinality.max())
    target = PseudoLikelihood(
        entries, np.concatenate([[0], np.cumsum(degree)]), factor[order], entries.stride[order], observed.rows,
        observed.weights * len(observed.rows) / observed.total, members, ends.astype(np.int64), model.learnt.size,
        l1 / share, l2 / share, np.zeros(widest), np.zeros(widest),
        np.zeros(int(degree.max(initial=1)), np.int64),
    )  # fmt: skip
    refuse_impossible(model, target)
    return target


def refuse_missing(model: Model, observed: Observations) -> None:
    """Refuse data that pseudo-likelihood cannot use.

    Raises
    ------
    GraphError
        If a state is missing or soft.
    """
    lost = (observed.rows < 0).any(axis=0)
    if lost.any():
        v = int(np.argmax(lost))
        names = listing([model.graph.variables[i] for i in np.flatnonzero(lost).tolist()])
        where = "" if observed.single else f" (row {int(np.argmax(observed.rows[:, v] < 0))})"
        what = "soft" if v in observed.soft else "not observed"
        raise GraphError(
            f"pseudo-likelihood needs the state of every variable; {quote(model.graph.variables[v])} is {what}{where} (in all "
            f"{names}): method='exact' sums over what is hidden, method='pcd' draws it"
        )


def refuse_impossible(model: Model, target: PseudoLikelihood) -> None:
    """Refuse configurations whose weight is 0.

    Raises
    ------
    GraphError
        Naming the row and the factor.
    """
    entries = target.tables
    if np.isfinite(entries.base).all():
        return
    for f in range(entries.n_factors):
        places = slice(int(entries.scope_start[f]), int(entries.scope_start[f + 1]))
        active = entries.table_start[f] + target.rows[:, entries.scope[places]] @ entries.stride[places]
        wrong: npt.NDArray[np.bool_] = ~np.isfinite(entries.base[active])
        if wrong.any():
            raise GraphError(
                f"row {int(np.argmax(wrong))} of the data is impossible: its entry of {model.graph.title(f)} is 0, whatever the "
                "weights; correct the row, or give the table no zeros"
            )
