r"""Constraints: a problem on a box, a ball, or both, by projection.

The projection of v on :math:`\{low \le w \le high, |w| \le r\}` is v clipped to the box where that is short enough, else
:math:`s v` clipped to the box, with s between 0 and 1 such that its length is r: the conditions of Karush, Kuhn and Tucker, with
:math:`1/s - 1` the multiplier of the ball. s is found by halving.

References
----------
Bertsekas, D. P. (1999). Nonlinear Programming, 2nd edition, section 2.3.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import convert, part
from stochinf.engine.target import as_target, offers
from stochinf.models.certificates import Certificate

__all__ = ["Constrained", "ConstrainedTarget"]

Floats = npt.NDArray[np.float64]

HALVINGS = 55


class Constrained:
    """A problem whose position stays in a box, in a ball about the origin, or in both.

    Parameters
    ----------
    problem : model or part
        With gradients and without an l1 penalty.
    low, high : float or array of shape (dim,)
        Bounds of the coordinates.
    radius : float
        The greatest length of the position.

    Raises
    ------
    StochinfError
        If the constraints leave no room, or the problem has no gradient or an l1 penalty.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LinearRegression([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [2.0, -1.0, 1.0])
    >>> si.minimize(si.models.Constrained(model, low=0.0)).x.round(6)
    array([1.5, 0. ])
    """

    def __init__(self, problem: Any, low: Any = -math.inf, high: Any = math.inf, radius: float = math.inf) -> None:
        self.problem, inner = problem, as_target(problem)
        if getattr(inner, "l1", 0.0) > 0 or not offers(inner, "gradient"):
            raise StochinfError(f"Constrained: {problem!r}; a problem with a gradient and without an l1 penalty is needed")
        try:
            sides = [np.array(np.broadcast_to(np.asarray(side, np.float64), (int(inner.dim),))) for side in (low, high)]
        except (TypeError, ValueError) as error:
            raise StochinfError(f"Constrained: low and high are numbers or arrays of shape ({inner.dim},)") from error
        self.low, self.high = sides
        self.radius = convert("Constrained.radius", radius, float)
        if not ((self.low <= self.high).all() and self.radius > 0):
            raise StochinfError(f"Constrained: low = {low}, high = {high}, radius = {radius}; they leave no room")
        nearest = float(np.linalg.norm(np.clip(0.0, self.low, self.high)))
        if nearest > self.radius:
            raise StochinfError(f"Constrained: radius = {self.radius:g}, and the box is {nearest:g} away; they leave no room")

    def __repr__(self) -> str:
        return f"Constrained({self.problem!r}, radius={self.radius:g})"

    def as_target(self) -> ConstrainedTarget:
        """Return what compiled code reads."""
        return ConstrainedTarget(as_target(self.problem), self.low, self.high, self.radius)


@part
class ConstrainedTarget(NamedTuple):
    """A problem with its constraints, as compiled code reads it; made by `Constrained.as_target`.

    Attributes
    ----------
    problem : part
    low, high : ndarray of shape (dim,)
    radius : float
    """

    problem: Any
    low: Floats
    high: Floats
    radius: float

    def project(self, position: Floats) -> None:
        """Move a position to the nearest that is allowed."""
        least, most = 0.0, 1.0
        if self.clipped(position, 1.0) <= self.radius:
            least = 1.0
        else:
            for _ in range(HALVINGS):
                middle = 0.5 * (least + most)
                if self.clipped(position, middle) <= self.radius:
                    least = middle
                else:
                    most = middle
        for j in range(position.size):
            position[j] = min(max(least * position[j], self.low[j]), self.high[j])

    def clipped(self, position: Floats, share: float) -> float:
        """Return the length of a share of a position after it is clipped to the box."""
        total = 0.0
        for j in range(position.size):
            w = min(max(share * position[j], self.low[j]), self.high[j])
            total += w * w
        return math.sqrt(total)

    def value(self, position: Floats, point: Any) -> float:
        """Return the value of the problem at a point."""
        return self.problem.value(position, point)  # type: ignore[no-any-return]

    def gradient(self, position: Floats, point: Any, out: Floats) -> None:
        """Write the gradient of the problem at a point."""
        self.problem.gradient(position, point, out)

    def whole(self, position: Floats, out: Floats) -> float:
        """Write the gradient of the whole problem; return its value."""
        return self.problem.whole(position, out)  # type: ignore[no-any-return]

    def private(self) -> ConstrainedTarget:
        """Return the same target for a block of its own."""
        inner = self.problem.private() if hasattr(self.problem, "private") else self.problem
        return self._replace(problem=inner)

    def failure(self) -> BaseException | None:
        """Return the error that the problem's function met, once."""
        return self.problem.failure() if hasattr(self.problem, "failure") else None

    @property
    def dim(self) -> int:
        """Length of a position."""
        return int(self.problem.dim)

    @property
    def n_points(self) -> int:
        """Number of points."""
        return int(self.problem.n_points)

    @property
    def l2(self) -> float:
        """Strength of the l2 penalty."""
        return float(getattr(self.problem, "l2", 0.0))

    def start(self, generator: np.random.Generator) -> Floats:
        """Return the problem's start, projected."""
        start = np.array(self.problem.start(generator), dtype=np.float64)
        self.project(start)
        return start

    def objective(self, position: Floats) -> float:
        """Return the objective; infinite where the position is not allowed."""
        inside = (position >= self.low).all() and (position <= self.high).all()
        if not (inside and float(np.linalg.norm(position)) <= self.radius * (1 + 1e-12)):
            return math.inf
        return float(self.problem.objective(position))

    def full_gradient(self, position: Floats) -> Floats:
        """Return the step that a projected gradient of length 1 takes back: zero at an optimum."""
        ahead = np.array(position - self.problem.full_gradient(position))
        self.project(ahead)
        return np.asarray(position - ahead)

    def certificate(self, position: Floats) -> Certificate:
        """Return the norm of the projected gradient."""
        norm = float(np.linalg.norm(self.full_gradient(position)))
        return Certificate("grad_norm", norm, math.inf, "norm of w - P(w - gradient), zero at an optimum and only there")

    def row_smoothness(self) -> float:
        """Return the largest Lipschitz constant of a row's gradient; infinite where the problem does not know it."""
        return float(self.problem.row_smoothness()) if hasattr(self.problem, "row_smoothness") else math.inf
