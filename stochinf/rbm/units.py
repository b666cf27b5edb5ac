r"""Units of a layer: which values they take, and what one layer is given the other.

With visible units :math:`v` and hidden units :math:`h` the model is

.. math:: p(v, h) \propto \exp\Bigl(v^\top W h + b^\top v + c^\top h + \sum_i u(v_i) + \sum_j u(h_j)\Bigr),

so that a unit with activation :math:`a` (its bias and what the other layer sends) has the density :math:`e^{a x + u(x)}` over
:math:`z(a)`. A kind of unit is a part that knows its values, :math:`u` and :math:`z`. Compiled methods, in single precision, on
rows of activations without biases (`log_precision` is empty where `has_precision` is False):

- `draw(layer, bias, log_precision, words, out)`: activations become means in place, units drawn go to `out`;
- `draw_in_place(layer, bias, log_precision, words)`: activations become units drawn;

plain methods on numpy arrays in double precision, rows of activations that hold the biases:

- `log_partition(activation, log_precision)`: :math:`\sum_i \log z(a_i)` of every row;
- `mean(activation, log_precision)`, `sample(activation, log_precision, generator)`;
- `log_base(values, log_precision)`: :math:`\sum_i u(x_i)` of every row;
- `start(means, squares, n)`: biases and log precisions of independent units with the means and mean squares of n rows;
- `bounds`: the least and the greatest value; `states(size)`: every state of a layer, or None where they cannot be listed.

Column j of a layer draws from lane j of a set of small generators, so that the pass over a row becomes vector code and what is
drawn does not depend on how rows are dealt to batches of work.

References
----------
Welling, M., Rosen-Zvi, M. and Hinton, G. (2005). Exponential family harmoniums. NIPS 17, equations (3)-(5).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import lane_uniform
from stochinf.graphs.lanes import LOG2_E, exp2

__all__ = ["Bernoulli", "Spin", "draw", "draw_in_place", "logistic", "squared_difference"]

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint32]
NONE = np.empty(0)


@helper(reorder=True)
def logistic(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)) in single precision, to 4e-7 relative for |x| < 87."""
    return np.float32(1.0) / (np.float32(1.0) + exp2(np.float32(-LOG2_E * x)))


@helper(reorder=True)
def draw(layer: Singles, bias: Singles, words: Words, out: Singles) -> None:
    """Turn activations of units 0 or 1 into probabilities and draw units from them."""
    for i in range(layer.shape[0]):
        for j in range(layer.shape[1]):
            p = logistic(np.float32(layer[i, j] + bias[j]))
            layer[i, j] = p
            out[i, j] = np.float32(1.0) if lane_uniform(words, j) < p else np.float32(0.0)


@helper(reorder=True)
def draw_in_place(layer: Singles, bias: Singles, words: Words) -> None:
    """Replace activations by units drawn from their probabilities."""
    for i in range(layer.shape[0]):
        for j in range(layer.shape[1]):
            p = logistic(np.float32(layer[i, j] + bias[j]))
            layer[i, j] = np.float32(1.0) if lane_uniform(words, j) < p else np.float32(0.0)


@part(reorder=True, has_precision=False, bounds=(0.0, 1.0))
class Bernoulli(NamedTuple):
    r"""Units 0 or 1: :math:`u = 0`, :math:`z(a) = 1 + e^a`, mean :math:`1 / (1 + e^{-a})`.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> si.rbm.Bernoulli().mean(np.array([[0.0, 100.0]]))
    array([[0.5, 1. ]])
    """

    unused: int = 0

    def draw(self, layer: Singles, bias: Singles, log_precision: Singles, words: Words, out: Singles) -> None:
        """Turn activations into means and draw units."""
        draw(layer, bias, words, out)

    def draw_in_place(self, layer: Singles, bias: Singles, log_precision: Singles, words: Words) -> None:
        """Replace activations by units drawn."""
        draw_in_place(layer, bias, words)

    def log_partition(self, activation: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the sum of log(1 + exp(a)) of every row."""
        total: Floats = np.logaddexp(0.0, activation).sum(axis=-1)
        return total

    def mean(self, activation: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the mean of every unit."""
        return expit(activation)

    def sample(self, activation: Floats, log_precision: Floats, generator: np.random.Generator) -> Floats:
        """Draw every unit."""
        return (generator.random(activation.shape) < expit(activation)).astype(np.float64)

    def log_base(self, values: Floats, log_precision: Floats = NONE) -> Floats:
        """Return 0 for every row."""
        return np.zeros(values.shape[:-1])

    def start(self, means: Floats, squares: Floats, n: int) -> tuple[Floats, Floats]:
        r"""Return log odds: :math:`\log(p / (1 - p))` with :math:`p = (n \bar v + 1/2) / (n + 1)` (Hinton 2012, section 8)."""
        least = 0.5 / (n + 1)
        p = np.clip((n * means + 0.5) / (n + 1), least, 1.0 - least)
        return np.log(p / (1.0 - p)), NONE

    def states(self, size: int) -> Floats:
        """Return the 2^size states of a layer, the last unit fastest."""
        return np.indices((2,) * size).reshape(size, -1).T.astype(np.float64)


@part(reorder=True, has_precision=False, bounds=(-1.0, 1.0))
class Spin(NamedTuple):
    r"""Units -1 or 1: :math:`u = 0`, :math:`z(a) = 2 \cosh a`, mean :math:`\tanh a`.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> si.rbm.Spin().mean(np.array([[0.0, 100.0]]))
    array([[0., 1.]])
    """

    unused: int = 0

    def draw(self, layer: Singles, bias: Singles, log_precision: Singles, words: Words, out: Singles) -> None:
        """Turn activations into means and draw units."""
        for i in range(layer.shape[0]):
            for j in range(layer.shape[1]):
                a = np.float32(layer[i, j] + bias[j])
                p = logistic(np.float32(a + a))
                layer[i, j] = np.float32(np.float32(p + p) - np.float32(1.0))
                out[i, j] = np.float32(1.0) if lane_uniform(words, j) < p else np.float32(-1.0)

    def draw_in_place(self, layer: Singles, bias: Singles, log_precision: Singles, words: Words) -> None:
        """Replace activations by units drawn."""
        for i in range(layer.shape[0]):
            for j in range(layer.shape[1]):
                a = np.float32(layer[i, j] + bias[j])
                p = logistic(np.float32(a + a))
                layer[i, j] = np.float32(1.0) if lane_uniform(words, j) < p else np.float32(-1.0)

    def log_partition(self, activation: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the sum of log(2 cosh a) of every row."""
        total: Floats = np.logaddexp(activation, -activation).sum(axis=-1)
        return total

    def mean(self, activation: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the mean of every unit."""
        return np.tanh(activation)

    def sample(self, activation: Floats, log_precision: Floats, generator: np.random.Generator) -> Floats:
        """Draw every unit."""
        return np.where(generator.random(activation.shape) < expit(2.0 * activation), 1.0, -1.0)

    def log_base(self, values: Floats, log_precision: Floats = NONE) -> Floats:
        """Return 0 for every row."""
        return np.zeros(values.shape[:-1])

    def start(self, means: Floats, squares: Floats, n: int) -> tuple[Floats, Floats]:
        """Return half the log odds of 1."""
        odds, _ = Bernoulli().start((means + 1.0) / 2.0, squares, n)
        return odds / 2.0, NONE

    def states(self, size: int) -> Floats:
        """Return the 2^size states of a layer, the last unit fastest."""
        return 2.0 * Bernoulli().states(size) - 1.0


@helper(reorder=True)
def squared_difference(first: Singles, second: Singles) -> np.float64:
    """Return the sum of squared differences."""
    total = np.float64(0.0)
    for i in range(first.shape[0]):
        row = np.float32(0.0)
        for j in range(first.shape[1]):
            difference = np.float32(first[i, j] - second[i, j])
            row = np.float32(row + difference * difference)
        total += np.float64(row)
    return total
