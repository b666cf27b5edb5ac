"""What `minimize` notes between chunks, and the result that it makes of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.rules import Rule, at_named_steps
from stochinf.engine.session import Session

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

__all__ = ["History", "in_single", "result"]

Floats = npt.NDArray[np.float64]


class History:
    """The objective at the start, after every epoch and at the end; where it was best, and where it was last finite.

    A kernel may say more of its state: `objective(state)`, where it knows the objective at the position, `certificate(state)`,
    where it keeps one, and `finished(state)`, a reason for which no further step can help.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.target = session.blocks[0].target
        self.pairs: list[tuple[int, float]] = []
        self.position: Floats = session.positions()[0]
        self.best, self.least = self.position, math.inf
        self.failure = ""
        if self.look():
            raise StochinfError(f"minimize: the objective at the starting point {self.position} is {self.pairs[0][1]}")

    def objective(self, position: Floats) -> float:
        """Return the objective at the present position."""
        kernel = self.session.kernel
        if hasattr(kernel, "objective"):
            return float(kernel.objective(self.session.blocks[0].state))
        with np.errstate(all="ignore"):
            return float(self.target.objective(position))

    def look(self) -> str:
        """Note the objective; say so if it or the position is not finite."""
        position, step = self.session.positions()[0], self.session.step
        objective = self.objective(position)
        self.pairs.append((step, objective))
        if math.isfinite(objective) and np.isfinite(position).all():
            self.position = position
            if objective < self.least:
                self.best, self.least = self.position, objective
            return ""
        self.failure = self.diagnosis(step)
        return self.failure

    def diagnosis(self, step: int) -> str:
        """Say what was not finite, at which step and rate, and what to do."""
        before = next((s for s, f in self.pairs if f == self.least), 0)
        rate = float(self.session.blocks[0].schedule.at(max(step - 1, 0)))
        self.position = self.best
        return (
            f"the iterates are not finite at step {step}, at a rate of {rate:.3g}; x is the best before, that of step {before};"
            " take a smaller learning rate, or scale the data"
        )

    def finished(self) -> str:
        """Return why the kernel has nothing left to do, or an empty string."""
        kernel = self.session.kernel
        if self.session.step == 0 or not hasattr(kernel, "finished"):
            return ""
        return str(kernel.finished(self.session.blocks[0].state))

    def rule(self) -> Rule:
        """Return the rule that looks after every epoch and stops where something is not finite, or the kernel has finished.

        Where an epoch is one step, cheap by itself, it looks at steps of two significant digits.
        """
        cheap = self.session.steps_per_epoch == 1 and not hasattr(self.session.kernel, "finished")
        single = int(getattr(self.target, "n_points", 1)) == 1

        def next_check(view: Any) -> int:
            if cheap and single:
                stride = 10 ** max(0, len(str(view.step)) - 2)
                return int((view.step // stride + 1) * stride)
            return int((view.step // view.steps_per_epoch + 1) * view.steps_per_epoch)

        return at_named_steps(lambda view: self.look() or self.finished(), next_check)

    def certified(self, share: float) -> Rule:
        """Return the rule that stops where the gap is at most a share of the objective at the start; looks once per epoch."""
        limit = share * max(abs(self.pairs[0][1]), 1e-300)

        def reason(view: Any) -> str:
            gap = getattr(self.target.certificate(self.position), "bound", math.inf)
            return f"gap {gap:.2g} <= {limit:.2g}" if gap <= limit else ""

        def next_check(view: Any) -> int:
            return int((view.step // view.steps_per_epoch + 1) * view.steps_per_epoch)

        return Rule(reason, next_check, lambda view: view.step > 0 and view.step % view.steps_per_epoch == 0)

    def close(self) -> None:
        """Look at the end, if the run did not end with an epoch."""
        if self.pairs[-1][0] != self.session.step:
            self.look()

    def fun(self) -> float:
        """Return the objective at `position`."""
        if self.failure:
            return self.least
        return next(objective for _, objective in reversed(self.pairs) if math.isfinite(objective))


def result(session: Session, history: History, why: str = "", before: int = 0) -> OptimizeResult:
    """Return scipy's result of a run; `why` says why its rule and rate were chosen, `before` how many evaluations that took."""
    from scipy.optimize import OptimizeResult

    target, x = history.target, history.position
    gradient = target.full_gradient(x) if hasattr(target, "full_gradient") else None
    certificate = _certificate(session, history)
    message = history.failure or session.reason
    status = _status(session, history)
    made = OptimizeResult()
    made.update(
        {
            "x": x,
            "fun": history.fun(),
            "jac": gradient,
            "grad_norm": math.nan if gradient is None else float(np.linalg.norm(gradient)),
            "gap": float(getattr(certificate, "bound", math.inf)),
            "certificate": getattr(certificate, "text", ""),
            "nit": session.step,
            "nfev": before + evaluations(session),
            "success": status == 0,
            "status": status,
            "message": message,
            "reason": f"{why}; {message}" if why else message,
            "history": history.pairs,
            "rng_entropy": session.plan.entropy,
            "interrupted": session.interrupted,
        }
    )
    return made


def in_single(made: OptimizeResult, target: Any) -> OptimizeResult:
    """Return a result with x in single precision, and what is known of that x."""
    x = made.x.astype(np.float32)
    if made.x.dtype == x.dtype:
        return made
    both = getattr(target, "objective_and_certificate", lambda x: (target.objective(x), target.certificate(x)))
    objective, certificate = both(x)
    made.update(x=x, fun=objective)
    if hasattr(target, "full_gradient"):
        gradient = target.full_gradient(x)
        made.update(jac=gradient, grad_norm=float(np.linalg.norm(gradient)))
    before, gap = made.gap, float(getattr(certificate, "bound", math.inf))
    made.update(gap=gap, certificate=getattr(certificate, "text", ""))
    if 2.0 * before < gap < math.inf:
        rounded = f"; rounded to float32, the answer has a gap of {gap:.2g}"
        made.update(message=made.message + rounded, reason=made.reason + rounded)
    return made


def _certificate(session: Session, history: History) -> Any:
    """Return the certificate of the result: the kernel's own where it keeps one, else the target's, if it has one."""
    kernel, target = session.kernel, history.target
    if hasattr(kernel, "certificate") and not history.failure:
        return kernel.certificate(session.blocks[0].state)
    return target.certificate(history.position) if hasattr(target, "certificate") else None


def evaluations(session: Session) -> int:
    """Return how many values or gradients a run has taken: as the kernel counts, else points times steps."""
    state = session.blocks[0].state
    if hasattr(state, "evaluations"):
        return int(state.evaluations[0])
    return session.step * max(1, int(getattr(session.blocks[0].picker, "batch", 1)))


def _status(session: Session, history: History) -> int:
    """Return 0 for success, 1 for what is not finite, 2 for an interruption, 3 for a callback that ended the run."""
    if history.failure:
        return 1
    if session.interrupted:
        return 2
    return 3 if session.reason == "stopped by the callback" else 0
