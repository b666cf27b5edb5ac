"""`minimize`: the front door of the optimisers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stochinf.engine import progress as progress_module
from stochinf.engine.block import NEVER
from stochinf.engine.driver import Controls, Report, check_controls, drive
from stochinf.engine.errors import StochinfError
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, Session, build
from stochinf.engine.stop import Rule, epochs
from stochinf.engine.streams import entropy_of
from stochinf.engine.target import as_target, check_kernel, check_role, check_stop, check_yield, starting_positions

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

__all__ = ["minimize"]

Floats = npt.NDArray[np.float64]

EPOCHS = 10


def minimize(
    problem: Any,
    rule: Any = "auto",
    x0: Any = None,
    *,
    schedule: Any = None,
    picker: Any = None,
    stop: Rule | None = None,
    rng: Any = None,
    callback: Callable[[Report], Any] | None = None,
    progress: bool | None = None,
    threads: int | None = 1,
) -> OptimizeResult:
    """Minimise the objective of a problem.

    Parameters
    ----------
    problem : model or part
        With `gradient` and `objective`, for example `stochinf.models.LogisticRegression(X, y, l2=1e-3)`.
    rule : part
        The update rule, or transforms alone such as `chain(clip(1.0), momentum(0.9))`; "auto" takes `stochinf.optim.SGD()`.
    x0 : array of shape (dim,), optional
        Where to start; the problem's choice by default.
    schedule : number or schedule, optional
        A factor of the rule's learning rate.
    picker : part, optional
        Which rows come next: every row once per epoch, one a step, by default; `stochinf.pickers.Minibatches(32)`.
    stop : Rule, optional
        Ten epochs by default; for example `stochinf.stop.tolerance(1e-3) | stochinf.stop.seconds(10)`.
    rng : int, SeedSequence, Generator or None
        The same seed gives the same bits; None draws fresh entropy, recorded as `rng_entropy`.
    callback : callable, optional
        Called with a `Report` between chunks; a true answer stops the run.
    progress : bool, optional
        Show progress; by default in a terminal or a notebook only.
    threads : int
        Threads at most; one chain needs one.

    Returns
    -------
    scipy.optimize.OptimizeResult
        `x`, `fun`, `jac` (the gradient of the whole objective), `grad_norm`, `nit` (steps), `nfev` (rows visited), `success`,
        `status`, `message` and `reason`, `history` (pairs of step and objective, at the start, after every epoch and at the
        end), `rng_entropy`, `interrupted`. If the iterates stop being finite, `x` is the last of the history that was, and
        `success` is False; so it is after Ctrl-C and where a callback ended the run.

    Raises
    ------
    StochinfError
        If an argument breaks a rule; nothing has been compiled then.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> result = si.minimize(model, stop=si.stop.epochs(100), rng=0)
    >>> result.success, result.nit, result.message
    (True, 400, '100 epochs')
    """
    target = as_target(problem)
    rule = _rule(rule)
    controls = check_controls(Controls(stop, threads, None, progress_module.shown(progress), None, callback))
    check_kernel(rule, target)
    check_yield("minimize", rule, "optimum")
    if picker is not None:
        check_role("picker", picker, "fill")
    if not hasattr(target, "objective"):
        raise StochinfError(f"minimize: {type(target).__name__} has no objective(position)")
    check_stop(stop, target, Nothing())
    plan = Plan(rule, target, picker, schedule, Nothing(), starting_positions(x0, 1), 1, 0, NEVER, False, entropy_of(rng))
    if plan.init is not None and plan.init.ndim > 1:
        raise StochinfError(f"x0: shape {plan.init.shape}; one position is needed")
    session = build(plan, 0)
    history = _History(session)
    drive(session, 0, controls._replace(stop=history.rule() | (stop or epochs(EPOCHS))))
    history.close()
    return _result(session, history)


def _rule(rule: Any) -> Any:
    if not isinstance(rule, str):
        return _with_rate(rule)
    if rule != "auto":
        raise StochinfError(f"rule = {rule!r}: 'auto' or a rule such as stochinf.optim.SGD() is needed")
    from stochinf.optim.sgd import SGD

    return SGD()


def _with_rate(rule: Any) -> Any:
    """Return a rule; a transform alone becomes one whose rate is taken from the data."""
    from stochinf.engine.parts import is_part

    alone = is_part(type(rule)) and not hasattr(rule, "update") and not hasattr(rule, "prepare")
    if alone and (hasattr(rule, "apply") or hasattr(rule, "direct")):
        from stochinf.optim.sgd import SGD

        return SGD(transform=rule)
    return rule


class _History:
    """The objective at the start, after every epoch and at the end; the last position at which it was finite."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.target = session.blocks[0].target
        self.pairs: list[tuple[int, float]] = []
        self.position: Floats = np.array(session.positions()[0])
        self.failure = ""
        if self.look():
            raise StochinfError(f"minimize: the objective at the starting point {self.position} is {self.pairs[0][1]}")

    def look(self) -> str:
        """Note the objective; say so if it or the position is not finite."""
        position, step = self.session.positions()[0], self.session.step
        with np.errstate(all="ignore"):
            objective = float(self.target.objective(position))
        self.pairs.append((step, objective))
        if math.isfinite(objective) and np.isfinite(position).all():
            self.position = np.array(position)
            return ""
        before = self.pairs[-2][0] if len(self.pairs) > 1 else 0
        self.failure = (
            f"the iterates are not finite at step {step}; x is that of step {before};"
            " take a smaller learning rate, or scale the data"
        )
        return self.failure

    def rule(self) -> Rule:
        """Return the rule that looks after every epoch and stops where something is not finite."""

        def next_check(view: Any) -> int:
            return int((view.step // view.steps_per_epoch + 1) * view.steps_per_epoch)

        return Rule(lambda view: self.look(), next_check, lambda view: view.step % view.steps_per_epoch == 0)

    def close(self) -> None:
        """Look at the end, if the run did not end with an epoch."""
        if self.pairs[-1][0] != self.session.step:
            self.look()

    def fun(self) -> float:
        """Return the last finite objective."""
        return next(objective for _, objective in reversed(self.pairs) if math.isfinite(objective))


def _result(session: Session, history: _History) -> OptimizeResult:
    from scipy.optimize import OptimizeResult

    target, x = history.target, history.position
    gradient = target.full_gradient(x) if hasattr(target, "full_gradient") else None
    reason = history.failure or session.reason
    status = _status(session, history)
    result = OptimizeResult()
    result.update(
        {
            "x": x,
            "fun": history.fun(),
            "jac": gradient,
            "grad_norm": math.nan if gradient is None else float(np.linalg.norm(gradient)),
            "nit": session.step,
            "nfev": session.step * max(1, int(getattr(session.blocks[0].picker, "batch", 1))),
            "success": status == 0,
            "status": status,
            "message": reason,
            "reason": reason,
            "history": history.pairs,
            "rng_entropy": session.plan.entropy,
            "interrupted": session.interrupted,
        }
    )
    return result


def _status(session: Session, history: _History) -> int:
    """Return 0 for success, 1 for what is not finite, 2 for an interruption, 3 for a callback that ended the run."""
    if history.failure:
        return 1
    if session.interrupted:
        return 2
    return 3 if session.reason == "stopped by the callback" else 0
