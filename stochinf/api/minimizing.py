"""`minimize`: the front door of the optimisers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from stochinf.api.history import History, in_single, result
from stochinf.api.searching import SearchHistory
from stochinf.engine import progress as progress_module
from stochinf.engine.block import NEVER
from stochinf.engine.driver import Controls, Report, check_controls, drive
from stochinf.engine.errors import ObjectiveError, StochinfError
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, Session, build
from stochinf.engine.stop import Rule, epochs, steps
from stochinf.engine.streams import entropy_of
from stochinf.engine.target import as_target, check_kernel, check_role, check_stop, check_yield, starting_positions
from stochinf.optim.open_rates import Settled, is_sought, settled
from stochinf.optim.projected import obeying
from stochinf.optim.trial_runs import with_rate

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

__all__ = ["minimize"]

EPOCHS = 10
FULL_PASSES = 1000
LONGEST = 200
ENOUGH = 1e-9
"""Share of the first objective that a gap may be where the rule was chosen for the user."""
EVALUATIONS = 2000


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
        The update rule, or transforms alone such as `chain(clip(1.0), momentum(0.9))`; "auto" chooses by size and structure.
    x0 : array of shape (dim,), optional
        Where to start; the problem's choice by default.
    schedule : number or schedule, optional
        A factor of the rule's learning rate.
    picker : part, optional
        Which rows come next: every row once per epoch, one a step, by default; `stochinf.pickers.Minibatches(32)`.
    stop : Rule, optional
        By default full-batch rules run until they have converged, others for ten epochs; for example
        `stochinf.stop.tolerance(1e-3) | stochinf.stop.seconds(10)`.
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
        `x` (float32 where the features are), `fun`, `jac` (the gradient of the whole objective), `grad_norm`, `gap` (a bound of
        fun - min f, infinite where none is known) and `certificate` (what it rests on), `nit` (steps), `nfev` (rows visited,
        trials of rates included), `success`, `status`, `message` and `reason`, `history` (pairs of step and objective, at the
        start, after every epoch and at the end), `rng_entropy`, `interrupted`. If the iterates stop being finite, `x` is the best
        of the history, and `success` is False; so it is after Ctrl-C and where a callback ended the run.

    Raises
    ------
    StochinfError
        If an argument breaks a rule; nothing has been compiled then.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> result = si.minimize(model)
    >>> result.success, result.gap < 1e-12, result.reason[:6]
    (True, True, 'Newton')
    >>> si.minimize(model, si.optim.SGD(), stop=si.stop.epochs(100), rng=0).nit
    400
    """
    given = target = as_target(problem)
    rule, why = _rule(rule, target, picker, schedule)
    target = rule.form(target) if hasattr(rule, "form") else target
    controls = check_controls(Controls(stop, threads, None, progress_module.shown(progress), None, callback))
    sought = is_sought(rule, target, picker, schedule)
    check_kernel(with_rate(rule, 1.0) if sought else rule, target)
    check_yield("minimize", rule, "optimum")
    if picker is not None:
        check_role("picker", picker, "fill")
    if not hasattr(target, "objective"):
        raise StochinfError(f"minimize: {type(target).__name__} has no objective(position)")
    check_stop(stop, target, Nothing())
    init, entropy = _start(x0, target), entropy_of(rng)
    found = settled(rule, target, picker, schedule, init, entropy) if sought else Settled(rule)
    why = "; ".join(filter(None, (why, found.why)))
    kernel = obeying(found.rule, target) if hasattr(target, "project") else found.rule
    plan = Plan(kernel, target, picker, schedule, Nothing(), init, 1, 0, NEVER, False, entropy)
    session = build(plan, 0)
    history = (SearchHistory if getattr(session.kernel, "derivative_free", False) else History)(session)
    try:
        drive(session, 0, controls._replace(stop=history.rule() | (stop or _default_stop(session, history, why))))
    except ObjectiveError as error:
        error.result = result(session, history, why, found.evaluations) if history.pairs else None
        raise
    history.close()
    made = result(session, history, why, found.evaluations)
    return in_single(made, given) if _is_single(given) else made


def _is_single(target: Any) -> bool:
    """Whether the features of a target, by rows or by columns, are in single precision."""
    return _precision(target, "design") is np.float32 or _precision(target, "columns") is np.float32


def _precision(target: Any, where: str) -> Any:
    return getattr(getattr(target, where, None), "precision", None)


def _rule(rule: Any, target: Any, picker: Any, schedule: Any) -> tuple[Any, str]:
    """Return the rule, and why it was chosen where the choice was left open."""
    if not isinstance(rule, str):
        return _with_rate(rule), ""
    if rule != "auto":
        raise StochinfError(f"rule = {rule!r}: 'auto' or a rule such as stochinf.optim.SGD() is needed")
    from stochinf.optim.automatic import choice, stochastic

    return choice(target) if picker is None and schedule is None else stochastic(target)


def _start(x0: Any, target: Any) -> npt.NDArray[Any] | None:
    """Return the one starting position; in single precision where the features by rows are."""
    if x0 is None and _precision(target, "design") is np.float32:
        return np.zeros(target.dim, np.float32)
    init = starting_positions(x0, 1)
    if init is not None and init.ndim > 1:
        raise StochinfError(f"x0: shape {init.shape}; one position is needed")
    return init


def _default_stop(session: Session, history: History, why: str) -> Rule:
    """Return where a run ends that was not told.

    Searches by values end after a number that grows with the dimension, full passes once the kernel has finished, stochastic
    rules after ten epochs; one that was chosen here goes on until its gap is small, for at most 200.
    """
    if getattr(session.kernel, "derivative_free", False):
        return steps(EVALUATIONS * max(5, session.blocks[0].state.position.size))
    if hasattr(session.kernel, "finished"):
        return steps(FULL_PASSES * session.steps_per_epoch)
    return history.certified(ENOUGH) | epochs(LONGEST) if why.startswith("SAGA") else epochs(EPOCHS)


def _with_rate(rule: Any) -> Any:
    """Return a rule; a transform alone becomes one whose rate is taken from the data."""
    from stochinf.engine.parts import is_part

    alone = is_part(type(rule)) and not hasattr(rule, "update") and not hasattr(rule, "prepare")
    if alone and (hasattr(rule, "apply") or hasattr(rule, "direct")):
        from stochinf.optim.sgd import SGD

        return SGD(transform=rule)
    return rule
