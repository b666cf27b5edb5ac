"""Weights by whole gradients: the exact likelihood and the pseudo-likelihood, minimised by any rule."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from stochinf.api.agreement import Agreement, agreement
from stochinf.api.minimizing import minimize
from stochinf.engine.errors import StochinfError, warn_of_doubt
from stochinf.graphs.flat import Floats
from stochinf.graphs.naming import listing
from stochinf.learning.conditionals import PseudoLikelihood
from stochinf.learning.exact import ExactLikelihood
from stochinf.learning.model import Model
from stochinf.learning.precision import refuse_separable, running_away, standard_errors
from stochinf.learning.pseudo_likelihood import pseudo_likelihood
from stochinf.learning.question import Answer, Question
from stochinf.learning.sandwich import curvature, godambe
from stochinf.models.constrained import Constrained
from stochinf.models.function import Function

__all__ = ["by_likelihood", "by_pseudo_likelihood"]

MOST_WEIGHTS = 2000
"""Weights beyond which nobody waits for standard errors unasked."""
CALLED_OFF = 3
"""Status of a run that a callback ended."""


class Fit(NamedTuple):
    """Where a rule ended.

    Attributes
    ----------
    values : float64 (D,)
        The weights that are learnt.
    history : list of (int, float)
    reason : str
    good : bool
    interrupted : bool
    """

    values: Floats
    history: list[tuple[int, float]]
    reason: str
    good: bool
    interrupted: bool


def by_likelihood(question: Question) -> Answer:
    """Maximise the exact likelihood.

    Raises
    ------
    GraphError
        If what was observed is impossible or separable.
    MemoryLimitError
        If the graph cannot be summed out.
    """
    model = question.model
    likelihood = ExactLikelihood(model, question.observed, question.l2, question.memory)
    start, learnt = model.values[model.learnt], model.learnt
    if likelihood.complete and not question.l1 and not question.l2:
        low, high = likelihood.extremes()
        seen = likelihood.expectations(start)[1]
        refuse_separable([model.names[k] for k in learnt.tolist()], seen, low, high)
    fit = _minimised(question, Function(likelihood.value, start.size, likelihood.gradient), start)
    values, free = fit.values, np.isin(np.arange(start.size), likelihood.informed)
    information = None
    if question.se and start.size <= MOST_WEIGHTS:
        information = likelihood.information(values)
    se = _errors(question, information, values, likelihood.rows)
    if not free.all():
        silent = listing([model.names[k] for k in learnt[~free].tolist()])
        warn_of_doubt(f"learn_weights: nothing that was observed depends on {silent}: components without data")
    expected, seen = likelihood.expectations(values)
    moments = Agreement(seen, expected, np.zeros(values.size))
    return _answer(question, fit, se, information, moments, likelihood.log_likelihood(values))


def by_pseudo_likelihood(question: Question) -> Answer:
    """Maximise the pseudo-likelihood.

    Raises
    ------
    GraphError
        If a state is missing.
    """
    model, observed = question.model, question.observed
    proximal = bool(getattr(question.optimizer, "proximal", False))
    target = pseudo_likelihood(model, observed, question.l1 if proximal else 0.0, question.l2)
    start = model.values[model.learnt]
    share = float(target.n_points) if observed.single else 1.0
    whole = question._replace(l1=0.0 if proximal else question.l1 / share)
    problem = target if proximal or not question.l1 else _function(target)
    fit = _minimised(whole, problem, start)
    total = share if observed.single else observed.total
    se, information = np.full(start.size, np.nan), None
    if question.se and start.size <= MOST_WEIGHTS:
        information = curvature(target, fit.values)
        active = (fit.values != 0) | (question.l1 == 0)
        covariance = godambe(target, fit.values, total, active)
        if covariance is not None:
            se[active] = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    value = -float(target._replace(l1=0.0, l2=0.0).objective(fit.values)) * share
    return _answer(question, fit, se, information, agreement(question, fit.values), value)


def _function(target: PseudoLikelihood) -> Function:
    """Return a target as a function of the weights alone, for rules that know no rows."""
    return Function(target.objective, target.dim, target.full_gradient)


def _minimised(question: Question, problem: Any, start: Floats) -> Fit:
    """Minimise; an l1 penalty splits every weight into its positive and its negative part."""
    rule, l1 = question.optimizer, question.l1
    if l1 and rule is not None and not getattr(rule, "proximal", False):
        raise StochinfError(
            f"optimizer {type(rule).__name__}: l1 = {l1:g} has no gradient at 0; leave the optimizer to the method"
        )
    if rule is not None and question.learning_rate is not None:
        rule = rule._replace(learning_rate=question.learning_rate)
    split = l1 > 0 and rule is None
    if split:
        problem, start = _split(problem, l1), np.concatenate([np.maximum(start, 0.0), np.maximum(-start, 0.0)])
    found = minimize(
        problem,
        "auto" if rule is None else rule,
        start,
        schedule=question.schedule,
        picker=_picker(question, problem, rule),
        stop=_stop(question, rule),
        rng=question.entropy,
        progress=question.progress,
        callback=question.callback,
    )
    x = found.x[: found.x.size // 2] - found.x[found.x.size // 2 :] if split else found.x
    values = np.array(x, dtype=np.float64)
    return Fit(
        values, list(found.history), str(found.reason), bool(found.success), found.interrupted or found.status == CALLED_OFF
    )


def _split(problem: Function, l1: float) -> Constrained:
    r"""Return :math:`f(u - v) + \lambda_1 \sum (u + v)` on u, v >= 0, whose minimum is that of the penalised problem."""
    dim, f, slope = problem.dim, problem.f, problem.gradient

    def value(z: Floats) -> float:
        return float(f(z[:dim] - z[dim:])) + l1 * float(z.sum())

    def gradient(z: Floats) -> Floats:
        g = slope(z[:dim] - z[dim:])
        return np.concatenate([g, -g]) + l1

    return Constrained(Function(value, 2 * dim, gradient), low=0.0)


def _picker(question: Question, problem: Any, rule: Any) -> Any:
    """Return minibatches for rules that visit rows, where their size was given."""
    if question.batch is None:
        return None
    if rule is None or int(getattr(problem, "n_points", 1)) == 1:
        raise StochinfError(
            f"batch = {question.batch}: whole gradients are taken; give an optimizer such as stochinf.optim.SGD()"
        )
    from stochinf.engine.pickers import Minibatches

    return Minibatches(question.batch)


def _stop(question: Question, rule: Any) -> Any:
    from stochinf.engine.stop import epochs

    if question.epochs is None:
        return question.stop
    return epochs(question.epochs) if question.stop is None else question.stop | epochs(question.epochs)


def _errors(question: Question, information: Floats | None, values: Floats, total: float) -> Floats:
    """Return standard errors by the inverse of the penalised information."""
    if information is None:
        return np.full(values.size, np.nan)
    active = (values != 0) | (question.l1 == 0)
    return standard_errors(information + question.l2 * np.eye(values.size), total, active)


def _answer(
    question: Question,
    fit: Fit,
    se: Floats,
    information: Floats | None,
    moments: Agreement | None,
    log_likelihood: float,
) -> Answer:
    """Return the answer over all weights; say so where weights run away."""
    model = question.model
    names, start = [model.names[k] for k in model.learnt.tolist()], model.values[model.learnt]
    values, errors = np.array(model.values), np.zeros(model.n_weights)
    values[model.learnt], errors[model.learnt] = fit.values, se
    away = ""
    if not question.l1 and not question.l2 and information is not None:
        away = running_away(names, start, fit.values, information)
    reason = "; ".join(part for part in (away, fit.reason) if part)
    if question.se and information is None:
        reason += f"; no standard errors of {fit.values.size} weights"
    if np.isinf(se).any():
        reason += f"; {np.isinf(se).sum()} weights are not determined: in some direction nothing changes (standard error inf)"
    seen, expected, error = (None, None, None) if moments is None else (_whole(model, found) for found in moments)
    return Answer(
        values, errors, history=fit.history, reason=reason, converged=fit.good and not away, expected=expected,
        observed=seen, log_likelihood=log_likelihood, interrupted=fit.interrupted, expected_error=error,
    )  # fmt: skip


def _whole(model: Model, learnt: Floats) -> Floats:
    """Return numbers of all weights from those of the learnt ones, 0 for the others."""
    found = np.zeros(model.n_weights)
    found[model.learnt] = learnt
    return found
