r"""Real-valued units: normal, and normal cut off at zero (rectified).

Both have :math:`u(x) = -\tfrac12 \gamma x^2` with a precision :math:`\gamma`, kept as its logarithm so that it stays positive:
given the other layer a unit is normal with mean :math:`a / \gamma` and variance :math:`1 / \gamma`. The precisions of visible
units are learnt; those of hidden units are 1, for weights can do what they would.

References
----------
Cho, K., Ilin, A. and Raiko, T. (2011). Improved learning of Gaussian-Bernoulli restricted Boltzmann machines. ICANN, equation
(1), there with the interaction divided by the variance.
Tubiana, J., Cocco, S. and Monasson, R. (2019). Learning protein constitutive motifs from sequence data. eLife 8, equation (4).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, log_ndtr, ndtri_exp

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import lane_uniform, normal_quantile

__all__ = ["Gaussian", "ReLU"]

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint32]
NONE = np.empty(0)
FAR = 30.0
"""Standard deviations below zero from where series stand for the tail of the normal distribution."""
ROOT_HALF = math.sqrt(0.5)
LOG_TWO_PI = math.log(2.0 * math.pi)


@helper()
def precision_of(log_precision: Singles, j: int) -> float:
    """Return the precision of a unit; 1 where none are kept."""
    return math.exp(log_precision[j]) if log_precision.size > 0 else 1.0


@helper()
def tail(x: float) -> float:
    """Return the chance that a standard normal number exceeds x."""
    return 0.5 * math.erfc(x * ROOT_HALF)


@helper()
def beyond(u: float, x: float) -> float:
    """Return how far a standard normal number beyond x lies from x, by inversion of u."""
    if x < FAR:
        return max(0.0, -normal_quantile(u * tail(x)) - x)
    exponential = -math.log(u)
    return 2.0 * exponential / (x + math.sqrt(x * x + 2.0 * exponential))


@helper()
def mean_beyond(x: float) -> float:
    """Return the mean of `beyond`: phi(x) / tail(x) - x."""
    if x < FAR:
        return math.exp(-0.5 * x * x) / (tail(x) * 2.5066282746310002) - x
    square = x * x
    return (1.0 - 2.0 / square + 10.0 / (square * square)) / x


@part(has_precision=True, bounds=(-math.inf, math.inf))
class Gaussian(NamedTuple):
    r"""Real units: :math:`\log z(a) = a^2 / 2\gamma + \tfrac12 \log(2\pi/\gamma)`, mean :math:`a / \gamma`.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> si.rbm.Gaussian().mean(np.array([[1.0, -3.0]]))
    array([[ 1., -3.]])
    """

    unused: int = 0

    def draw(self, layer: Singles, bias: Singles, log_precision: Singles, words: Words, out: Singles) -> None:
        """Turn activations into means and draw units."""
        for j in range(layer.shape[1]):
            precision = precision_of(log_precision, j)
            width = math.sqrt(1.0 / precision)
            for i in range(layer.shape[0]):
                mean = (layer[i, j] + bias[j]) / precision
                layer[i, j] = mean
                out[i, j] = mean + width * normal_quantile(np.float64(lane_uniform(words, j)))

    def draw_in_place(self, layer: Singles, bias: Singles, log_precision: Singles, words: Words) -> None:
        """Replace activations by units drawn."""
        for j in range(layer.shape[1]):
            precision = precision_of(log_precision, j)
            width = math.sqrt(1.0 / precision)
            for i in range(layer.shape[0]):
                mean = (layer[i, j] + bias[j]) / precision
                layer[i, j] = mean + width * normal_quantile(np.float64(lane_uniform(words, j)))

    def log_partition(self, activation: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the sum of log z of every row."""
        log_gamma = logs(log_precision)
        return (0.5 * (activation**2 * np.exp(-log_gamma) + LOG_TWO_PI - log_gamma)).sum(axis=-1)  # type: ignore[no-any-return]

    def mean(self, activation: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the mean of every unit."""
        return activation * np.exp(-logs(log_precision))  # type: ignore[no-any-return]

    def sample(self, activation: Floats, log_precision: Floats, generator: np.random.Generator) -> Floats:
        """Draw every unit."""
        noise = generator.standard_normal(activation.shape)
        return self.mean(activation, log_precision) + noise * np.exp(-0.5 * logs(log_precision))  # type: ignore[no-any-return]

    def log_base(self, values: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the sum of u of every row."""
        return -0.5 * (values**2 * np.exp(logs(log_precision))).sum(axis=-1)  # type: ignore[no-any-return]

    def start(self, means: Floats, squares: Floats, n: int) -> tuple[Floats, Floats]:
        """Return biases and log precisions of normal numbers of these means and variances, a variance at least 1e-4."""
        variances = np.maximum(squares - means**2, 1e-4)
        return means / variances, -np.log(variances)

    def states(self, size: int) -> None:
        """Return None: there is no list of states."""


@part(has_precision=True, bounds=(0.0, math.inf))
class ReLU(NamedTuple):
    r"""Units of at least 0: as `Gaussian`, cut off at zero; :math:`z(a)` has the factor :math:`\Phi(a / \sqrt\gamma)` more.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> si.rbm.ReLU().mean(np.array([[0.0, 10.0, -1000.0]])).round(3).tolist()
    [[0.798, 10.0, 0.001]]
    """

    unused: int = 0

    def draw(self, layer: Singles, bias: Singles, log_precision: Singles, words: Words, out: Singles) -> None:
        """Turn activations into means and draw units."""
        for j in range(layer.shape[1]):
            width = math.sqrt(1.0 / precision_of(log_precision, j))
            for i in range(layer.shape[0]):
                x = -np.float64(layer[i, j] + bias[j]) * width
                layer[i, j] = width * mean_beyond(x)
                out[i, j] = width * beyond(np.float64(lane_uniform(words, j)), x)

    def draw_in_place(self, layer: Singles, bias: Singles, log_precision: Singles, words: Words) -> None:
        """Replace activations by units drawn."""
        for j in range(layer.shape[1]):
            width = math.sqrt(1.0 / precision_of(log_precision, j))
            for i in range(layer.shape[0]):
                x = -np.float64(layer[i, j] + bias[j]) * width
                layer[i, j] = width * beyond(np.float64(lane_uniform(words, j)), x)

    def log_partition(self, activation: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the sum of log z of every row."""
        log_gamma = logs(log_precision)
        scaled = activation * np.exp(-0.5 * log_gamma)
        return (0.5 * (scaled**2 + LOG_TWO_PI - log_gamma) + log_ndtr(scaled)).sum(axis=-1)  # type: ignore[no-any-return]

    def mean(self, activation: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the mean of every unit."""
        width = np.exp(-0.5 * logs(log_precision))
        x = np.asarray(-activation * width, dtype=np.float64)
        near, far = np.minimum(x, FAR), np.maximum(x, FAR)
        with np.errstate(over="ignore"):
            hazard = np.sqrt(2.0 / np.pi) / erfcx(near * ROOT_HALF)
        return width * np.where(x < FAR, hazard - near, (1.0 - 2.0 / far**2 + 10.0 / far**4) / far)  # type: ignore[no-any-return]

    def sample(self, activation: Floats, log_precision: Floats, generator: np.random.Generator) -> Floats:
        """Draw every unit."""
        width = np.exp(-0.5 * logs(log_precision))
        x = np.asarray(-activation * width, dtype=np.float64)
        log_u = -generator.standard_exponential(x.shape)
        near, far = np.minimum(x, FAR), np.maximum(x, FAR)
        inverted = np.maximum(0.0, -ndtri_exp(log_u + log_ndtr(-near)) - near)
        return width * np.where(x < FAR, inverted, -2.0 * log_u / (far + np.sqrt(far**2 - 2.0 * log_u)))  # type: ignore[no-any-return]

    def log_base(self, values: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the sum of u of every row."""
        return -0.5 * (values**2 * np.exp(logs(log_precision))).sum(axis=-1)  # type: ignore[no-any-return]

    def start(self, means: Floats, squares: Floats, n: int) -> tuple[Floats, Floats]:
        """Return biases and log precisions of normal numbers of these means and variances."""
        return Gaussian().start(means, squares, n)

    def states(self, size: int) -> None:
        """Return None: there is no list of states."""


def logs(log_precision: Any) -> Any:
    """Return the log precisions, 0 where none are kept."""
    return log_precision if np.size(log_precision) else 0.0
