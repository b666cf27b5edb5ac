r"""Layers of units in fields: what sampling at a temperature and annealing need of a kind of unit, in compiled code.

A unit with activation :math:`a` has the density :math:`e^{a x + u(x)} / z(a)`. Tempering by :math:`\beta` multiplies activations;
the weight of a row then changes by :math:`\sum_j \log z(\beta' a_j) - \log z(\beta a_j)`, which `rise` sums. What is linear in
:math:`\beta` is split off, so that what single precision loses does not add up over ten thousand temperatures.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.graphs.lanes import LOG2_E, exp2, log2
from stochinf.rbm.units import Bernoulli, Spin
from stochinf.rbm.units_choice import Softmax
from stochinf.rbm.units_real import Gaussian, ReLU, precision_of

__all__ = ["BinaryRise", "GaussianRise", "Layer", "ReLURise", "SoftmaxRise", "SpinRise", "layer"]

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint32]
LOG_2 = np.float32(0.6931471805599453)
ROOT_HALF = math.sqrt(0.5)
NONE = np.empty(0, np.float32)


@helper(reorder=True)
def excess(x: Any) -> Any:
    """Return log(1 + exp(-x)) for x >= 0 in single precision, to 4e-7 absolute."""
    return np.float32(LOG_2 * log2(np.float32(np.float32(1.0) + exp2(np.float32(-LOG2_E * x)))))


@helper(reorder=True)
def binary_rise(row: Singles, first: float, second: float) -> np.float64:
    """Return the sum over a row of log(1 + exp(second a)) - log(1 + exp(first a))."""
    low, high = np.float32(first), np.float32(second)
    positive = np.float32(0.0)
    curved = np.float32(0.0)
    for j in range(row.size):
        size = abs(row[j])
        positive += max(row[j], np.float32(0.0))
        curved += np.float32(excess(np.float32(high * size)) - excess(np.float32(low * size)))
    return (second - first) * np.float64(positive) + np.float64(curved)


@helper(reorder=True)
def spin_rise(row: Singles, first: float, second: float) -> np.float64:
    """Return the sum over a row of log(2 cosh(second a)) - log(2 cosh(first a))."""
    low, high = np.float32(2.0 * first), np.float32(2.0 * second)
    sizes = np.float32(0.0)
    curved = np.float32(0.0)
    for j in range(row.size):
        size = abs(row[j])
        sizes += size
        curved += np.float32(excess(np.float32(high * size)) - excess(np.float32(low * size)))
    return (second - first) * np.float64(sizes) + np.float64(curved)


@helper()
def log_sum(row: Singles, first: int, stop: int, beta: float) -> float:
    """Return log sum exp(beta a) of a group."""
    top = beta * row[first]
    for j in range(first, stop):
        top = max(top, beta * row[j])
    total = 0.0
    for j in range(first, stop):
        total += math.exp(beta * row[j] - top)
    return float(top + math.log(total))


@helper()
def log_normal_below(x: float) -> float:
    """Return the log of the chance that a standard normal number is below x."""
    if x > -20.0:
        return math.log(0.5 * math.erfc(-x * ROOT_HALF))
    square = x * x
    return -0.5 * square - math.log(-x * 2.5066282746310002) + math.log1p(-1.0 / square + 3.0 / (square * square))


@part
class BinaryRise(NamedTuple):
    """Of `Bernoulli` units: log(1 + exp a)."""

    unused: int = 0

    def rise(self, row: Singles, log_precision: Singles, first: float, second: float) -> Any:
        """Return the change of the sum of log z between two inverse temperatures."""
        return binary_rise(row, first, second)


@part
class SpinRise(NamedTuple):
    """Of `Spin` units: log(2 cosh a)."""

    unused: int = 0

    def rise(self, row: Singles, log_precision: Singles, first: float, second: float) -> Any:
        """Return the change of the sum of log z between two inverse temperatures."""
        return spin_rise(row, first, second)


@part
class GaussianRise(NamedTuple):
    """Of `Gaussian` units: a^2 / 2 gamma."""

    unused: int = 0

    def rise(self, row: Singles, log_precision: Singles, first: float, second: float) -> Any:
        """Return the change of the sum of log z between two inverse temperatures."""
        total = 0.0
        for j in range(row.size):
            total += np.float64(row[j]) * row[j] / precision_of(log_precision, j)
        return 0.5 * (second - first) * (second + first) * total


@part
class ReLURise(NamedTuple):
    """Of `ReLU` units: x^2 / 2 + log Phi(x) with x = a / sqrt(gamma)."""

    unused: int = 0

    def rise(self, row: Singles, log_precision: Singles, first: float, second: float) -> Any:
        """Return the change of the sum of log z between two inverse temperatures."""
        total = 0.0
        for j in range(row.size):
            x = row[j] / math.sqrt(precision_of(log_precision, j))
            total += 0.5 * (second - first) * (second + first) * x * x
            total += log_normal_below(second * x) - log_normal_below(first * x)
        return total


@part
class SoftmaxRise(NamedTuple):
    """Of `Softmax` units: log sum exp(a) of every group."""

    n_states: int

    def rise(self, row: Singles, log_precision: Singles, first: float, second: float) -> Any:
        """Return the change of the sum of log z between two inverse temperatures."""
        total = 0.0
        for group in range(0, row.size, self.n_states):
            total += log_sum(row, group, group + self.n_states, second) - log_sum(row, group, group + self.n_states, first)
        return total


@part
class Layer(NamedTuple):
    """A layer of units of one kind.

    Parameters
    ----------
    units : part
        A kind of unit of `stochinf.rbm`.
    rises : part
        Its log z.
    log_precision : ndarray of shape (n,) or (0,)
    no_bias : ndarray of shape (n,)
        Zeros: fields hold the biases.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.rbm.fields import layer
    >>> layer(si.rbm.Bernoulli(), 3).log_partition(np.zeros(3)).round(4)
    np.float64(2.0794)
    """

    units: Any
    rises: Any
    log_precision: Singles
    no_bias: Singles

    def place(self, fields: Singles, words: Words) -> None:
        """Replace fields by units drawn."""
        self.units.draw_in_place(fields, self.no_bias, self.log_precision, words)

    def rise(self, row: Singles, first: float, second: float) -> Any:
        """Return the sum of log z in fields `second * row` less that in fields `first * row`."""
        return self.rises.rise(row, self.log_precision, first, second)

    def log_partition(self, field: Floats) -> Any:
        """Return the sum of log z over the last axis, in double precision."""
        return self.units.log_partition(np.asarray(field, dtype=np.float64), self.log_precision.astype(float))

    def mean(self, field: Floats) -> Any:
        """Return the mean of every unit, in double precision."""
        return self.units.mean(np.asarray(field, dtype=np.float64), self.log_precision.astype(float))

    def sample(self, field: Floats, generator: np.random.Generator) -> Any:
        """Draw every unit, in double precision."""
        return self.units.sample(np.asarray(field, dtype=np.float64), self.log_precision.astype(float), generator)


def layer(units: Any, size: int, log_precision: npt.ArrayLike = NONE) -> Layer:
    """Return a layer of so many units (columns) of a kind.

    Parameters
    ----------
    units : Bernoulli, Spin, Gaussian, ReLU or Softmax
    size : int
    log_precision : array_like of shape (size,), optional
        Of units that have a precision; 0 by default.
    """
    rises = {Bernoulli: BinaryRise, Spin: SpinRise, Gaussian: GaussianRise, ReLU: ReLURise}
    rise = SoftmaxRise(units.n_states) if isinstance(units, Softmax) else rises[type(units)]()
    return Layer(units, rise, np.asarray(log_precision, np.float32), np.zeros(size, np.float32))
