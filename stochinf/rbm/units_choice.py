r"""Units that choose one of several states (softmax, Potts): a group of columns of which exactly one is 1."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, softmax

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import lane_uniform

__all__ = ["Softmax", "one_hot"]

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint32]
NONE = np.empty(0)


@helper()
def shares(layer: Singles, bias: Singles, i: int, first: int, states: int) -> None:
    """Turn the activations of one group into probabilities."""
    top = layer[i, first] + bias[first]
    for j in range(first, first + states):
        top = max(top, layer[i, j] + bias[j])
    total = 0.0
    for j in range(first, first + states):
        weight = math.exp(layer[i, j] + bias[j] - top)
        layer[i, j] = weight
        total += weight
    for j in range(first, first + states):
        layer[i, j] = layer[i, j] / total


@helper()
def chosen(layer: Singles, i: int, first: int, states: int, words: Words) -> int:
    """Draw a state of a group from its probabilities, by inversion; a probability of zero is never chosen."""
    level = np.float64(lane_uniform(words, first))
    reached = 0.0
    last = first
    for j in range(first, first + states):
        if layer[i, j] > 0.0:
            last = j
            reached += layer[i, j]
            if level < reached:
                break
    return last


@part(has_precision=False, bounds=(0.0, 1.0))
class Softmax(NamedTuple):
    r"""Potts units, groups of columns, one of each 1 and the rest 0: :math:`u = 0`, :math:`z(a) = \sum_s e^{a_s}` of a group.

    Parameters
    ----------
    n_states : int
        Columns of a group.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> si.rbm.Softmax(2).mean(np.log([[1.0, 3.0, 1.0, 1.0]]))
    array([[0.25, 0.75, 0.5 , 0.5 ]])
    """

    n_states: int

    def checked(self) -> Softmax:
        """Check the number of states."""
        if not 2 <= self.n_states < 2**31:
            raise StochinfError(f"Softmax({self.n_states}): a whole number of states, at least 2, is needed")
        return self

    def draw(self, layer: Singles, bias: Singles, log_precision: Singles, words: Words, out: Singles) -> None:
        """Turn activations into means and draw units."""
        for i in range(layer.shape[0]):
            for first in range(0, layer.shape[1], self.n_states):
                shares(layer, bias, i, first, self.n_states)
                one = chosen(layer, i, first, self.n_states, words)
                for j in range(first, first + self.n_states):
                    out[i, j] = np.float32(1.0) if j == one else np.float32(0.0)

    def draw_in_place(self, layer: Singles, bias: Singles, log_precision: Singles, words: Words) -> None:
        """Replace activations by units drawn."""
        self.draw(layer, bias, log_precision, words, layer)

    def log_partition(self, activation: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the sum of log z over the groups of every row."""
        total: Floats = logsumexp(self.grouped(activation), axis=-1).sum(axis=-1)
        return total

    def mean(self, activation: Floats, log_precision: Floats = NONE) -> Floats:
        """Return the probability of every state."""
        return softmax(self.grouped(activation), axis=-1).reshape(np.shape(activation))

    def sample(self, activation: Floats, log_precision: Floats, generator: np.random.Generator) -> Floats:
        """Draw a state of every group."""
        groups = self.grouped(activation)
        ones = (groups + generator.gumbel(size=groups.shape)).argmax(axis=-1)
        values: Floats = np.eye(self.n_states)[ones].reshape(np.shape(activation))
        return values

    def log_base(self, values: Floats, log_precision: Floats = NONE) -> Floats:
        """Return 0 for every row."""
        return np.zeros(values.shape[:-1])

    def start(self, means: Floats, squares: Floats, n: int) -> tuple[Floats, Floats]:
        """Return log frequencies with half a row more of every state, less their mean over a group."""
        logs = self.grouped(np.log((n * np.clip(means, 0.0, 1.0) + 0.5) / (n + 0.5 * self.n_states)))
        return (logs - logs.mean(axis=-1, keepdims=True)).ravel(), NONE

    def states(self, size: int) -> Floats:
        """Return every state of a layer, the last group fastest."""
        groups = size // self.n_states
        labels = np.indices((self.n_states,) * groups).reshape(groups, -1).T
        values: Floats = np.eye(self.n_states)[labels].reshape(len(labels), size)
        return values

    def grouped(self, values: Any) -> Floats:
        """Return (..., groups, states)."""
        array = np.asarray(values, dtype=np.float64)
        return array.reshape(*array.shape[:-1], -1, self.n_states)


def one_hot(labels: npt.ArrayLike, states: int) -> npt.NDArray[np.float32]:
    """Return rows of labels 0..states-1 as columns for `Softmax(states)`.

    Parameters
    ----------
    labels : array-like of int, shape (n, groups)
        Whole numbers.
    states : int
        How many labels there are.

    Returns
    -------
    ndarray of shape (n, groups * states)
        In single precision.

    Raises
    ------
    StochinfError
        If a label is none of 0..states-1.

    Examples
    --------
    >>> import stochinf as si
    >>> si.rbm.one_hot([[0, 2]], 3)
    array([[1., 0., 0., 0., 0., 1.]], dtype=float32)
    """
    array = np.asarray(labels)
    if array.ndim != 2 or array.dtype.kind not in "iu" or (array.size and not 0 <= array.min() <= array.max() < states):
        raise StochinfError(f"one_hot: labels from 0 to {states - 1}, whole numbers in rows, are needed")
    columns: npt.NDArray[np.float32] = np.eye(states, dtype=np.float32)[array].reshape(len(array), -1)
    return columns
