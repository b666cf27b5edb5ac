r"""A problem blurred by a Gaussian: the first of a sequence that ends with the problem itself.

.. math:: f_\sigma(x) = E f(x + \sigma u) \approx \frac{1}{2K} \sum_k f(x + \sigma u_k) + f(x - \sigma u_k), \; u_k \sim N(0, I),

with the directions drawn once, so that the blurred function is a function: the same values at the same points.

References
----------
Mobahi, H. and Fisher, J. W. (2015). A theoretical analysis of optimization by Gaussian continuation. AAAI.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import convert, counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.engine.streams import entropy_of
from stochinf.engine.target import as_target, offers

__all__ = ["Smoothed", "smoothed"]

Floats = npt.NDArray[np.float64]


@part
class Smoothed(NamedTuple):
    """A target blurred over some directions and their opposites; `probe` and `slope` are work space."""

    inner: Any
    directions: Floats
    sigma: float
    probe: Floats
    slope: Floats

    def private(self) -> Smoothed:
        """Return the same with work space of its own."""
        inner = self.inner.private() if hasattr(self.inner, "private") else self.inner
        return self._replace(inner=inner, probe=np.zeros_like(self.probe), slope=np.zeros_like(self.slope))

    @property
    def dim(self) -> int:
        """Length of a position."""
        return self.probe.size

    @property
    def n_points(self) -> int:
        """Those of the problem."""
        return int(getattr(self.inner, "n_points", 1))

    @property
    def low(self) -> Floats:
        """Lower bounds."""
        return np.array(getattr(self.inner, "low", np.full(self.dim, -np.inf)))

    @property
    def high(self) -> Floats:
        """Upper bounds."""
        return np.array(getattr(self.inner, "high", np.full(self.dim, np.inf)))

    @property
    def region(self) -> tuple[Floats, Floats]:
        """Where searches begin."""
        return getattr(self.inner, "region", (self.low, self.high))

    def offers(self, oracle: str) -> bool:
        """Whether the problem has an oracle that can be blurred."""
        return oracle in ("value", "gradient") and offers(self.inner, oracle)

    def start(self, generator: np.random.Generator) -> Floats:
        """Start where the problem does."""
        return np.asarray(self.inner.start(generator))

    def value(self, position: Floats, point: Any) -> float:
        """Return the mean over the directions."""
        total = 0.0
        for k in range(self.directions.shape[0]):
            for side in (-1.0, 1.0):
                for i in range(position.size):
                    self.probe[i] = position[i] + side * self.sigma * self.directions[k, i]
                total += self.inner.value(self.probe, point)
        return float(total / (2.0 * self.directions.shape[0]))

    def gradient(self, position: Floats, point: Any, out: Floats) -> None:
        """Write the mean gradient over the directions."""
        for i in range(out.size):
            out[i] = 0.0
        weight = 0.5 / self.directions.shape[0]
        for k in range(self.directions.shape[0]):
            for side in (-1.0, 1.0):
                for i in range(position.size):
                    self.probe[i] = position[i] + side * self.sigma * self.directions[k, i]
                self.inner.gradient(self.probe, point, self.slope)
                for i in range(out.size):
                    out[i] += weight * self.slope[i]

    def objective(self, position: Floats) -> float:
        """Return the mean of the problem's objective over the directions."""
        reach = self.sigma * self.directions
        return float(np.mean([self.inner.objective(position + side * step) for step in reach for side in (-1.0, 1.0)]))

    def failure(self) -> BaseException | None:
        """Return the error that the problem met."""
        return self.inner.failure() if hasattr(self.inner, "failure") else None


def smoothed(problem: Any, sigma: float, directions: int = 16, rng: Any = 0) -> Any:
    """Blur a problem by a Gaussian, for `stochinf.continuation`.

    Parameters
    ----------
    problem : model or part
        With `value`, and `gradient` where the rule needs it.
    sigma : float
        Width of the Gaussian; 0 is the problem itself.
    directions : int
        How many, each with its opposite.
    rng : int, SeedSequence, Generator or None
        From which they are drawn; the same ones for every sigma.

    Returns
    -------
    part
        A problem for `stochinf.minimize`.

    Raises
    ------
    StochinfError
        If sigma is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> waves = si.Function(lambda x: float((x**2 - 2.0 * np.cos(5.0 * x)).sum()), 1)
    >>> blurred = si.optim.smoothed(waves, 1.0, directions=500)
    >>> abs(blurred.objective(np.zeros(1)) - 1.0) < 0.2
    True
    """
    target, width = as_target(problem), convert("sigma", sigma, float)
    if not 0 <= width < math.inf:
        raise StochinfError(f"smoothed: sigma = {sigma!r}; a finite number of at least 0 is needed")
    if width == 0:
        return target
    generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy_of(rng))))
    dim = int(target.dim)
    drawn = generator.standard_normal((counted("directions", directions), dim))
    return Smoothed(target, drawn, width, np.zeros(dim), np.zeros(dim))
