"""Scores of what is usually searched: optimisers on a problem, and estimators of scikit-learn."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from stochinf.engine.block import NEVER
from stochinf.engine.driver import Controls, drive
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, build
from stochinf.engine.streams import entropy_of
from stochinf.engine.target import as_target, check_kernel, check_yield, starting_positions

__all__ = ["cross_validation", "descents", "partial_fits"]

Advance = Callable[[dict[str, Any], float, Any], tuple[float, Any]]


def descents(
    problem: Any, rule_of: Callable[[dict[str, Any]], Any], x0: Any = None, *, picker: Any = None, rng: Any = None
) -> Advance:
    """Return what runs an optimiser further, for `successive_halving`: its budget is in epochs, its score the objective.

    A candidate goes on from its saved state, rule's memory, picker and random streams included: the same bits as in one run.

    Parameters
    ----------
    problem : model or part
        As in `stochinf.minimize`.
    rule_of : callable
        Makes a rule of a dictionary of values.
    x0 : array of shape (dim,), optional
        Where to start.
    picker : part, optional
        Which rows come next.
    rng : int, SeedSequence, Generator or None
        One seed for all candidates.

    Returns
    -------
    callable
        `advance(parameters, budget, state) -> (score, state)`.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> advance = si.search.descents(model, lambda p: si.optim.SGD(p["rate"]), rng=0)
    >>> early, state = advance({"rate": 0.1}, 5, None)
    >>> late, state = advance({"rate": 0.1}, 45, state)
    >>> late < early
    True
    """
    target, entropy, start = as_target(problem), entropy_of(rng), starting_positions(x0, 1)

    def advance(parameters: dict[str, Any], budget: float, state: Any) -> tuple[float, Any]:
        session = state
        if session is None:
            rule = rule_of(parameters)
            check_kernel(rule, target)
            check_yield("descents", rule, "optimum")
            session = build(Plan(rule, target, picker, None, Nothing(), start, 1, 0, NEVER, False, entropy), 0)
        more = max(1, math.ceil(budget * session.epoch))
        drive(session, session.total + more, Controls())
        with np.errstate(all="ignore"):
            return float(target.objective(session.positions()[0])), session

    return advance


def partial_fits(estimator: Any, X: Any, y: Any, X_test: Any, y_test: Any, **fit: Any) -> Advance:
    """Return what fits an estimator further by `partial_fit`, for `successive_halving`: its budget is in passes over X.

    Parameters
    ----------
    estimator : object
        With `partial_fit`, `score` and `set_params`.
    X, y : array-like
        To fit on.
    X_test, y_test : array-like
        To score on.
    **fit
        Further arguments of the first `partial_fit`, such as `classes`.

    Returns
    -------
    callable
        `advance(parameters, budget, state) -> (score, state)`; the score is the negative of the estimator's.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from sklearn.linear_model import SGDClassifier
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> advance = si.search.partial_fits(SGDClassifier(random_state=0), X[:40], y[:40], X[40:], y[40:], classes=[0, 1])
    >>> advance({"alpha": 1e-3}, 5, None)[0] < -0.8
    True
    """

    def advance(parameters: dict[str, Any], budget: float, state: Any) -> tuple[float, Any]:
        from sklearn.base import clone

        fitted = clone(estimator).set_params(**parameters) if state is None else copy.deepcopy(state)
        for turn in range(max(1, round(budget))):
            fitted.partial_fit(X, y, **(fit if state is None and turn == 0 else {}))
        return -float(fitted.score(X_test, y_test)), fitted

    return advance


def cross_validation(estimator: Any, X: Any, y: Any = None, **options: Any) -> Callable[[dict[str, Any]], float]:
    """Return the score of an estimator by cross-validation, for `random`, `coarse_to_fine` and `bayesian`.

    Parameters
    ----------
    estimator : object
        An estimator of scikit-learn.
    X, y : array-like
        The data.
    **options
        Of `sklearn.model_selection.cross_val_score`: `cv`, `scoring`, ...

    Returns
    -------
    callable
        The negative of the mean score, of a dictionary of parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from sklearn.linear_model import Ridge
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> score = si.search.cross_validation(Ridge(), X, X @ [1.0, -1.0, 0.0], cv=4)
    >>> score({"alpha": 1e-3}) < score({"alpha": 100.0})
    True
    """

    def score(parameters: dict[str, Any]) -> float:
        from sklearn.base import clone
        from sklearn.model_selection import cross_val_score

        return -float(np.mean(cross_val_score(clone(estimator).set_params(**parameters), X, y, **options)))

    return score
