"""Stopping rules. `a | b` stops at the first, `a & b` when both hold.

A rule names the step at which it looks next, so that what it decides never depends on how fast the machine is; only
`seconds` looks at the clock.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.rules import Convergence as Convergence
from stochinf.engine.rules import Rule, View, at_named_steps

__all__ = ["Rule", "View", "below", "converged", "epochs", "mcse", "seconds", "steps", "tolerance"]

NEVER = 2**62


def steps(n: int) -> Rule:
    """Stop after n steps.

    Parameters
    ----------
    n : int
        Steps after warm-up.

    Returns
    -------
    Rule
        For `stop=`.

    Examples
    --------
    >>> import stochinf as si
    >>> kernel, coin = si.mcmc.Metropolis(0.5), si.models.CoinBias(62, 38)
    >>> si.run(kernel, coin, stop=si.stop.steps(100), rng=0).reason
    '100 steps'
    """
    limit = counted("stop.steps: n", n)
    return at_named_steps(
        lambda view: f"{limit} steps" if view.step >= limit else "",
        lambda view: limit if view.step < limit else NEVER,
        lasting=True,
    )


def epochs(n: float) -> Rule:
    """Stop after n passes over the points.

    Parameters
    ----------
    n : float
        Passes; a fraction ends within one.

    Returns
    -------
    Rule
        For `stop=`.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> si.minimize(model, si.optim.SGD(), stop=si.stop.epochs(2.5), rng=0).nit
    10
    """
    limit = _positive("epochs", n)
    if not math.isfinite(limit):
        raise StochinfError(f"stop.epochs({n!r}): a finite number is needed")

    def end(view: Any) -> int:
        return max(1, math.ceil(limit * float(view.epoch) - 1e-9))

    return at_named_steps(
        lambda view: f"{n} epochs" if view.step >= end(view) else "",
        lambda view: end(view) if view.step < end(view) else NEVER,
        lasting=True,
    )


def seconds(t: float) -> Rule:
    """Stop t seconds after the run began, warm-up included; the one rule that depends on the machine.

    Parameters
    ----------
    t : float
        Seconds.

    Returns
    -------
    Rule
        For `stop=`.

    Examples
    --------
    >>> import stochinf as si
    >>> kernel, coin = si.mcmc.Metropolis(0.5), si.models.CoinBias(62, 38)
    >>> si.run(kernel, coin, stop=si.stop.seconds(60) | si.stop.steps(100), rng=0).reason
    '100 steps'
    """
    limit = _positive("seconds", t)
    began = [time.monotonic()]

    def reason(view: Any) -> str:
        return f"{t} seconds" if time.monotonic() - began[0] >= limit else ""

    def start() -> None:
        began[0] = time.monotonic()

    return Rule(reason, lambda view: NEVER, lambda view: True, timed=True, lasting=True, start=start)


def below(value: float) -> Rule:
    """Stop when the objective is at most a value; looks after epochs, or steps of a search, of two significant digits.

    Parameters
    ----------
    value : float
        Finite.

    Returns
    -------
    Rule
        For `stop=` of `stochinf.minimize`.

    Examples
    --------
    >>> import stochinf as si
    >>> bowl = si.Function(lambda x: float(((x - 1.0) ** 2).sum()), 3)
    >>> si.minimize(bowl, si.optim.CMAES(0.5), stop=si.stop.below(1e-6) | si.stop.steps(5000), rng=0).message
    'objective ... <= 1e-06'
    """
    try:
        limit = float(value)
    except (TypeError, ValueError):
        limit = math.nan
    if not math.isfinite(limit):
        raise StochinfError(f"stop.below({value!r}): a finite number is needed")

    def reason(view: Any) -> str:
        now = view.objective()
        return f"objective {now:.3g} <= {value}" if now <= limit else ""

    def next_check(view: Any) -> int:
        done = int(view.step // view.steps_per_epoch)
        stride = 10 ** max(0, len(str(done)) - 2)
        return int((done // stride + 1) * stride * view.steps_per_epoch)

    return at_named_steps(reason, next_check, needs=("objective",))


def converged(rhat: float = 1.01, ess: float = 400, every: int = 100) -> Rule:
    """Stop when the chains agree: R-hat small and ESS large for every variable.

    Parameters
    ----------
    rhat : float
        Largest R-hat that will do.
    ess : float
        Smallest bulk effective sample size that will do.
    every : int
        Draws between two looks; the longer the run, the rarer.

    Returns
    -------
    Rule
        For `stop=`.

    References
    ----------
    Vehtari, A. et al. (2021). Rank-normalization, folding, and localization: an improved R-hat. Bayesian Analysis 16.

    Examples
    --------
    >>> import stochinf as si
    >>> kernel, coin = si.mcmc.Metropolis(0.5), si.models.CoinBias(62, 38)
    >>> stop = si.stop.converged(rhat=1.1, ess=100)
    >>> si.run(kernel, coin, chains=4, stop=stop, rng=0).reason
    'converged (R-hat ... <= 1.1, ESS ... >= 100)'
    """
    if not _positive("converged", rhat) >= 1:
        raise StochinfError(f"stop.converged: rhat = {rhat!r}; a number above 1 is needed, R-hat does not fall below")
    least, stride = _positive("converged", ess), counted("stop.converged: every", every)

    def reason(view: Any) -> str:
        now = view.convergence()
        return (
            f"converged (R-hat {now.rhat:.3f} <= {rhat}, ESS {now.ess:.0f} >= {ess})"
            if now.rhat <= rhat and now.ess >= least
            else ""
        )

    return at_named_steps(reason, _doubling(stride), needs=("convergence",))


def mcse(e: float, every: int = 100) -> Rule:
    """Stop when the Monte Carlo standard error of every mean is small.

    Parameters
    ----------
    e : float
        Largest standard error that will do, in the units of the position.
    every : int
        Draws between two looks; the longer the run, the rarer.

    Returns
    -------
    Rule
        For `stop=`.

    Examples
    --------
    >>> import stochinf as si
    >>> kernel, coin = si.mcmc.Metropolis(0.5), si.models.CoinBias(62, 38)
    >>> si.run(kernel, coin, chains=4, stop=si.stop.mcse(0.02), rng=0).reason
    'MCSE ... <= 0.02'
    """
    limit = _positive("mcse", e)

    def reason(view: Any) -> str:
        now = view.convergence()
        return f"MCSE {now.mcse:.2g} <= {e}" if now.mcse <= limit else ""

    return at_named_steps(reason, _doubling(counted("stop.mcse: every", every)), needs=("convergence",))


def tolerance(e: float) -> Rule:
    """Stop when the target's certificate, its gap or the norm of its gradient, is small; looks once per epoch.

    Parameters
    ----------
    e : float
        Largest certificate that will do.

    Returns
    -------
    Rule
        For `stop=`.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> si.minimize(model, si.optim.SGD(), stop=si.stop.tolerance(0.1) | si.stop.epochs(1000), rng=0).reason
    'certificate ... <= 0.1'
    """
    limit = _positive("tolerance", e)

    def reason(view: Any) -> str:
        now = view.certificate()
        return f"certificate {now:.3g} <= {e}" if now <= limit else ""

    return at_named_steps(
        reason, lambda view: int((view.step // view.steps_per_epoch + 1) * view.steps_per_epoch), needs=("certificate",)
    )


def _doubling(every: int) -> Callable[[Any], int]:
    """Look at draws 1, 2, 3, ... times `every` up to ten, then in steps of a tenth of what there is."""

    def next_check(view: Any) -> int:
        draw = view.step // view.every
        stride = every
        while draw >= 10 * stride:
            stride *= 2
        return int((draw // stride + 1) * stride * view.every)

    return next_check


def _positive(name: str, value: float) -> float:
    if not isinstance(value, (int, float, np.integer, np.floating)) or isinstance(value, bool) or not value > 0:
        raise StochinfError(f"stop.{name}({value!r}): a positive number is needed")
    return value
