"""What the estimators of linear models by stochastic gradients share."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from stochinf.api.minimizing import minimize
from stochinf.engine.errors import ConvergenceWarning, StochinfError
from stochinf.engine.stop import epochs
from stochinf.models.design import as_design, features, with_intercept
from stochinf.models.linear import LinearTarget
from stochinf.models.weights import weighted
from stochinf.optim.automatic import newton_work
from stochinf.optim.newton import Newton
from stochinf.optim.open_rates import is_sought, settled
from stochinf.optim.pilot import pilot_work
from stochinf.optim.sgd import SGD
from stochinf.optim.trial_runs import with_rate
from stochinf.rbm.checks import entropy_from, whole
from stochinf.rbm.tapes import Later

__all__ = ["Stochastic"]

Floats = npt.NDArray[np.float64]


class Stochastic(BaseEstimator):  # type: ignore[misc]
    """What both estimators share."""

    _losses: ClassVar[dict[str, Any]]

    def __init__(
        self,
        loss: str,
        *,
        alpha: float = 1e-4,
        l1: float = 0.0,
        fit_intercept: bool = True,
        rule: Any = None,
        max_iter: int = 10,
        random_state: Any = None,
    ) -> None:
        self.loss = loss
        self.alpha = alpha
        self.l1 = l1
        self.fit_intercept = fit_intercept
        self.rule = rule
        self.max_iter = max_iter
        self.random_state = random_state

    def _kind(self) -> Any:
        """Return the class of the problem."""
        if not isinstance(self.loss, str) or self.loss not in self._losses:
            raise StochinfError(f"loss = {self.loss!r}: one of {', '.join(map(repr, self._losses))} is needed")
        return self._losses[self.loss]

    def _rule(self) -> Any:
        """Return the rule: the one given, or one that serves the penalties."""
        if self.rule is not None:
            return self.rule
        if self.l1:
            from stochinf.optim.variance_reduced import SAGA

            return SAGA()
        return SGD()

    def _rule_for(self, target: Any, passes: int) -> Any:
        """Return the rule; Newton's, where it was left open and all passes take less than the pilot runs of `SGD()`."""
        small = self.rule is None and self.l1 == 0 and passes * newton_work(target) <= pilot_work(target)
        return Newton() if small else self._rule()

    def _validated(self, X: Any, y: Any, reset: bool) -> Any:
        return validate_data(
            self, X, y, accept_sparse="csr", dtype=np.float64, reset=reset, y_numeric=isinstance(self, RegressorMixin)
        )

    def _row_weights(self, X: Any, given: Any) -> Floats | None:
        """Return weights of rows, checked, or None."""
        return None if given is None else _check_sample_weight(given, X, dtype=np.float64, ensure_non_negative=True)

    def _solved(self, X: Any, y: Any, entropy: int, weights: Floats | None = None) -> Any:
        """Return the result of a run over all passes."""
        passes = whole("max_iter", self.max_iter)
        model = self._kind()(X, y, l2=self.alpha, l1=self.l1, intercept=self.fit_intercept, sample_weight=weights)
        target = model.as_target()
        result = minimize(target, self._rule_for(target, passes), stop=epochs(passes), rng=entropy, progress=False)
        if not result.success:
            warnings.warn(f"{type(self).__name__}: {result.message}", ConvergenceWarning, stacklevel=4)
        return result

    def _passes(self, result: Any) -> int:
        """Return how many passes a run has done; a step of Newton's is one."""
        return int(min(result.nit, self.max_iter))

    def _passed(
        self, X: Any, y: Any, entropy: int, start: Floats | None, place: int, steps: int, weights: Floats | None = None
    ) -> Floats:
        """Return the coefficients after one pass over a chunk; rates go on where they stood."""
        rows, rule = features("X", X), self._rule()
        design = as_design(with_intercept(rows) if self.fit_intercept else rows)
        loss, y = weighted(self._kind().loss, y, weights)
        target = LinearTarget(design, loss, y, self.alpha, self.l1, rows.shape[1])
        if place in self._rates:
            rule = _going_on(rule, self._rates[place], steps)
        elif is_sought(rule, target):
            rule = settled(rule, target, None, None, start, entropy).rule
            self._rates[place] = getattr(rule, "rule", rule).learning_rate
        elif getattr(rule, "plain", lambda: False)():
            rule = _going_on(rule, rule.learning_rate, steps)
        result = minimize(target, rule, start, stop=epochs(1), rng=entropy, progress=False)
        return np.asarray(result.x)

    def _kept(self, positions: list[Floats]) -> None:
        """Keep coefficients and intercepts."""
        stacked = np.stack(positions)
        self.coef_ = stacked[:, :-1] if self.fit_intercept else stacked
        self.intercept_ = stacked[:, -1] if self.fit_intercept else np.zeros(len(positions))

    def _starts(self) -> list[Floats]:
        """Return the coefficients as positions."""
        coefficients = np.atleast_2d(self.coef_)
        return list(np.column_stack([coefficients, self.intercept_]) if self.fit_intercept else coefficients)

    def _scores(self, X: Any) -> Floats:
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        return np.asarray(X @ np.atleast_2d(self.coef_).T + self.intercept_)

    def _begin(self) -> None:
        """Start afresh."""
        self._entropy, self._steps, self._chunks = entropy_from(self.random_state), 0, 0
        self._rates: dict[int, Any] = {}

    def _seed(self, place: int) -> int:
        words = np.random.SeedSequence(self._entropy, spawn_key=(self._chunks, place)).generate_state(4)
        return int.from_bytes(words.tobytes(), "little")

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn may know of the estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _going_on(rule: Any, rate: Any, steps: int) -> Any:
    """Return a rule whose rates go on after some steps."""
    return with_rate(rule, Later(rate, steps) if hasattr(rate, "at") else rate)
