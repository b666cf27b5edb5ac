"""Looks at a density before it is sampled: its gradient, and whether it falls off in every direction."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.density.pointer import PointerDensity
from stochinf.engine.errors import StochinfError, warn_of_doubt

__all__ = ["GradientCheck", "check_gradient", "crossed", "outcome", "warn_of_improper"]

Floats = npt.NDArray[np.float64]

TRIES = 20
STEP = 5e-4
"""Of finite differences of fourth order, relative to a coordinate's size: errors of rounding and of truncation are alike."""
PATIENCE = 0.05
"""Seconds that are spent on looking along directions."""
MOST_TOGETHER = 200
"""Free numbers up to which it is looked whether some may move together."""
FAR = (1e8, 1e12)
LOGARITHMIC = (150.0, 600.0)
"""Two distances from the centre: what falls off more slowly than the inverse distance between them has no finite integral. The
second pair is for the free numbers of constrained parameters, whose exponentials would overflow."""


class GradientCheck(NamedTuple):
    """A gradient next to others that were found in other ways, by free number.

    Parameters
    ----------
    names : tuple of str
        Of the free numbers.
    position, gradient, differences : ndarray of shape (dim,)
        Where; the gradient; central differences of fourth order.
    forward : ndarray of shape (dim,) or None
        By forward mode, where the density is traced.
    error : float
        The largest difference, relative to the largest entry of the gradient or to 1.
    tolerance : float
        What passes, what rounding does to finite differences included.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf import density as sd
    >>> target = si.Density(lambda mu: sd.normal(mu, 1.0, 2.0), params={"mu": sd.real()})
    >>> target.check_gradient({"mu": 3.0}).passed
    True
    """

    names: tuple[str, ...]
    position: Floats
    gradient: Floats
    differences: Floats
    forward: Floats | None
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether all agree."""
        return bool(self.error <= self.tolerance)

    def __repr__(self) -> str:
        others = [self.differences] if self.forward is None else [self.differences, self.forward]
        worst = np.argsort(-np.abs(np.stack(others) - self.gradient).max(axis=0), kind="stable")[:8]
        lines = [
            f"gradient check {'passed' if self.passed else 'FAILED'}: error {self.error:.1e} of {self.tolerance:.1e} allowed"
        ]
        for k in worst:
            forward = "" if self.forward is None else f", forward mode {self.forward[k]:.10g}"
            lines.append(f"  {self.names[k]}: gradient {self.gradient[k]:.10g}, differences {self.differences[k]:.10g}{forward}")
        return "\n".join(lines)


def check_gradient(density: Any, position: Floats | None, tolerance: float) -> GradientCheck:
    """Compare a density's gradient with finite differences and forward mode; see `Density.check_gradient`."""
    at = finite_position(density, density.as_target()) if position is None else position
    if at is None or not math.isfinite(value := density.log_density(at)):
        raise StochinfError(f"check_gradient: the log density is not finite at {at}; give a point where it is")
    gradient = density.gradient(at)
    steps = STEP * np.maximum(1.0, np.abs(at))
    differences = np.array([difference(density.log_density, at, k, steps[k]) for k in range(at.size)])
    forward = forward_mode(density, at)
    others = [differences] if forward is None else [differences, forward]
    scale = max(1.0, float(np.abs(gradient).max()))
    error = max(float(np.abs(other - gradient).max()) for other in others) / scale
    rounding = 8 * np.finfo(np.float64).eps * abs(value) / float(steps.min()) / scale
    error, names = math.inf if math.isnan(error) else error, tuple(name for name, _ in density.layout.coordinates())
    return GradientCheck(names, at, gradient, differences, forward, error, tolerance + rounding)


def difference(function: Callable[[Floats], float], position: Floats, k: int, step: float) -> float:
    """Return a derivative by central differences of fourth order."""
    total = 0.0
    for times, weight in ((-2, 1), (-1, -8), (1, 8), (2, -1)):
        moved = position.copy()
        moved[k] += times * step
        total += weight * function(moved)
    return total / (12 * step)


def forward_mode(density: Any, position: Floats) -> Floats | None:
    """Return the gradient by forward mode, one direction after the other; None for what is not traced."""
    trace = getattr(density.source, "of_position", None)
    if trace is None:
        return None
    from stochinf.density.derivatives import forward
    from stochinf.density.interpreter import evaluate

    graph = forward(trace.graph)
    return np.array([float(evaluate(graph, [position, direction], trace.data)[1]) for direction in np.eye(position.size)])


def finite_position(density: Any, target: PointerDensity) -> Floats | None:
    """Return a random position of finite log density, if some tries find one."""
    generator, own = np.random.default_rng(1), target.private()
    for _ in range(TRIES):
        position = generator.uniform(-2.0, 2.0, target.dim)
        if math.isfinite(own.log_density(position)):
            return position
    return None


def warn_of_improper(density: Any, target: PointerDensity) -> None:
    """Warn of directions along which a traced density does not fall off: with them it has no finite integral.

    Raises
    ------
    StochinfError
        If the density is finite nowhere and its data hold NaN.
    """
    if not hasattr(density.source, "of_position"):
        warn_of_flat(density, target)
        return
    position = finite_position(density, target)
    if position is None:
        demand_numbers(density)
        return
    own = target.private()
    rising = list(rising_along(density, own, position))
    if rising:
        more = f" and {len(rising) - 6} more" if len(rising) > 6 else ""
        warn_of_doubt(
            f"{density!r}: the log density does not fall off as {', '.join(rising[:6])}{more}; it seems to be improper,"
            " and its draws would go there: give these parameters a prior"
        )
    elif together := moving_together(density, own, position):
        warn_of_doubt(
            f"{density!r}: the log density does not fall off where {together} move together (free numbers, in these proportions);"
            " only other combinations of them are determined, so it is improper, and its draws would go there: give one of these"
            " parameters a prior, or fix their sum"
        )


def rising_along(density: Any, target: PointerDensity, position: Floats) -> Iterator[str]:
    """Yield the directions along which a density does not fall off, parameters by their first numbers first, while time lasts."""
    names = list(density.layout.coordinates())
    first = {stretch.start for stretch in density.layout.stretches.values()}
    end = time.thread_time() + PATIENCE
    for k in sorted(range(len(names)), key=lambda k: k not in first):
        name, real = names[k]
        for sign, ahead in (("+", 1.0), ("-", -1.0)):
            direction = np.where(np.arange(target.dim) == k, ahead, 0.0)
            if endless(target, position, direction, (FAR, LOGARITHMIC) if real else (LOGARITHMIC,)):
                yield f"{name} -> {sign}infinity"
        if time.thread_time() > end:
            return


def moving_together(density: Any, target: PointerDensity, position: Floats) -> str:
    """Return the free numbers that may move together without end, with proportions; nothing where none may, or time is short.

    Along a direction v in which a log density is linear, v'g is the same for the gradients g at all positions: v is orthogonal
    to their differences. Whether it falls off along v is then looked at far away, as for a single number.
    """
    differences = differences_of_gradients(target, position) if 1 < target.dim <= MOST_TOGETHER else None
    if differences is None:
        return ""
    names, real = zip(*density.layout.coordinates(), strict=True)
    _, sizes, rows = np.linalg.svd(differences, full_matrices=False)
    for row in rows[sizes <= 1e-10 * sizes[0]]:
        direction = np.round(row / np.abs(row).max(), 10)
        direction *= np.sign(direction[np.flatnonzero(direction)[0]])
        spans = (FAR, LOGARITHMIC) if all(real[k] for k in np.flatnonzero(direction)) else (LOGARITHMIC,)
        if any(endless(target, position, sign * direction, spans) for sign in (1.0, -1.0)):
            parts = [f"{names[k]} ({direction[k]:+.3g})" for k in np.flatnonzero(direction)]
            return ", ".join(parts[:6]) + (f" and {len(parts) - 6} more" if len(parts) > 6 else "")
    return ""


def differences_of_gradients(target: PointerDensity, position: Floats) -> Floats | None:
    """Return gradients at random positions, less their mean, a few more than dimensions; None where that takes too long."""
    generator, end = np.random.default_rng(5), time.thread_time() + PATIENCE
    found: list[Floats] = []
    for _ in range(3 * target.dim + 30):
        slope = np.empty(target.dim)
        moved = position + generator.normal(size=target.dim)
        if math.isfinite(target.log_density_gradient(moved, slope)):
            found.append(slope)
        if len(found) == target.dim + 5:
            gradients: Floats = np.array(found)
            return np.asarray(gradients - gradients.mean(axis=0))
        if time.thread_time() > end:
            break
    return None


def warn_of_flat(density: Any, target: PointerDensity) -> None:
    """Warn of a function that gives the same number everywhere; far places are looked at where Python guards them."""
    own, generator = target.private(), np.random.default_rng(4)
    reach = (2.0, 1e3) if hasattr(density.source, "number_at") else (2.0, 2.0)
    found = {own.log_density(generator.uniform(-size, size, target.dim)) for size in reach for _ in range(3)}
    if len(found) == 1 and math.isfinite(value := found.pop()):
        warn_of_doubt(
            f"{density!r}: the log density is {value:g} at six random positions: it seems to be flat, and no distribution"
        )


def endless(target: PointerDensity, position: Floats, direction: Floats, spans: tuple[tuple[float, float], ...]) -> bool:
    """Whether a log density falls by less than the log of the distance along a direction, whose other numbers stay."""
    for near, far in spans:
        values = [target.log_density(np.where(direction == 0.0, position, distance * direction)) for distance in (near, far)]
        if values[1] == -math.inf or all(map(math.isfinite, values)):
            return values[1] > values[0] - 0.95 * math.log(far / near)
    return False


def demand_numbers(density: Any) -> None:
    """Refuse data that hold NaN, where the density is finite nowhere."""
    for name, value in density.data.items():
        array = np.asarray(value) if not callable(value) else np.empty(0)
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise StochinfError(
                f"data: {name} holds {int(np.isnan(array).sum())} NaN, and the log density is not finite at {TRIES} positions;"
                " leave out what is missing, or make it a parameter"
            )


def crossed(layout: Any, position: Floats, data: Any) -> str:
    """Return which bounds cross at a position, in words that follow a comma; nothing where none do."""
    with np.errstate(all="ignore"):
        known = {**data, **layout.values(position, data)}
    for name, parameter in layout.params.items():
        if not parameter.needs or not hasattr(parameter, "bounds"):
            continue
        lower, upper = parameter.bounds(position[layout.stretches[name]], known)
        if not np.all(np.less(lower, upper)):
            return f" (the bounds of {name} cross there: lower = {lower}, upper = {upper})"
    return ""


def outcome(target: PointerDensity, call: Callable[[PointerDensity], float]) -> float:
    """Return what a call gives; raise the error that the density met."""
    own = target.private()
    value = call(own)
    failure = own.failure()
    if failure is not None:
        raise failure
    return float(value)
