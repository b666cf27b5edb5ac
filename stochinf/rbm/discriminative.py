r"""The conditional likelihood of classes under a machine of rows and classes, as a target of any optimiser.

.. math:: p(y | v) \propto \exp\Bigl(d_y + \sum_j \log\bigl(1 + e^{c_j + U_{yj} + (W^\top v)_j}\bigr)\Bigr)

is exact, and with :math:`o_{yj}` the activation in the exponent its gradient is
:math:`\partial \log p(t | v) / \partial o_{yj} = (1_{y = t} - p(y | v))\, \sigma(o_{yj})`.

References
----------
Larochelle, H. and Bengio, Y. (2008). Classification using discriminative restricted Boltzmann machines. ICML, equations 2 and 4.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg.cython_blas  # noqa: F401  # the BLAS that compiled code calls, loaded before its threads are limited

from stochinf.engine.blas import multiply
from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.models.batch import member, size_of
from stochinf.rbm.fields import excess
from stochinf.rbm.units import logistic

__all__ = ["Discriminative", "class_scores"]

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
EMPTY = np.empty((0, 0), np.float32)
EMPTY_LINE = np.empty(0)


@part
class Discriminative(NamedTuple):
    """Rows and classes; parameters are W (n_features, n_hidden), c, U (n_classes, n_hidden) and d as one vector.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
    classes : ndarray of int, shape (n,)
    n_classes, n_hidden, batch : int
    l2 : float

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.rbm.discriminative import Discriminative
    >>> Discriminative(np.eye(3), np.array([0, 1, 1]), 2, 4, 3).dim
    26
    """

    rows: Singles
    classes: npt.NDArray[np.int64]
    n_classes: int
    n_hidden: int
    batch: int
    l2: float = 0.0
    inputs: Singles = EMPTY
    fields: Singles = EMPTY
    slopes: Singles = EMPTY
    chances: Floats = EMPTY_LINE

    def checked(self) -> Discriminative:
        """Make room to work in."""
        if self.inputs.size:
            return self
        if len(self.rows) != self.classes.size:
            raise StochinfError(f"Discriminative: {len(self.rows)} rows and {self.classes.size} classes")
        demand(4 * self.batch * (self.rows.shape[1] + 2 * self.n_hidden), f"a batch of {self.batch} rows")
        return self._replace(
            inputs=np.zeros((self.batch, self.rows.shape[1]), np.float32),
            fields=np.zeros((self.batch, self.n_hidden), np.float32), slopes=np.zeros((self.batch, self.n_hidden), np.float32),
            chances=np.zeros(self.n_classes),
        )  # fmt: skip

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def dim(self) -> int:
        """Number of parameters."""
        return int((self.rows.shape[1] + 1 + self.n_classes) * self.n_hidden + self.n_classes)

    def variables(self, positions: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Return the parameters by name."""
        return {"parameters": positions}

    def gradient(self, position: Singles, point: Any, out: Singles) -> None:
        """Write the gradient of minus the mean log p(y | v) of a minibatch; a point below zero names no row."""
        points, width, hidden = size_of(point), self.rows.shape[1], self.n_hidden
        for i in range(out.size):
            out[i] = np.float32(self.l2) * position[i]
        rows = 0
        for k in range(points):
            rows += 1 if member(point, k) >= 0 else 0
        weights = position[: width * hidden].reshape((width, hidden))
        for start in range(0, points, self.batch):
            found = 0
            for k in range(start, min(start + self.batch, points)):
                row = member(point, k)
                if row >= 0:
                    for j in range(width):
                        self.inputs[found, j] = self.rows[row, j]
                    found += 1
            if found > 0:
                inputs, fields = self.inputs[:found], self.fields[:found]
                multiply(inputs, False, weights, False, fields, np.float32(0.0))
                place = 0
                for k in range(start, min(start + self.batch, points)):
                    if member(point, k) >= 0:
                        self.compare(position, place, self.classes[member(point, k)], np.float32(1.0 / rows), out)
                        place += 1
                slopes = self.slopes[:found]
                multiply(inputs, True, slopes, False, out[: width * hidden].reshape((width, hidden)), np.float32(1.0))

    def compare(self, position: Singles, row: int, truth: int, factor: Any, out: Singles) -> None:
        """Add the gradient of the biases and the classes' weights of one row; write its slopes of the fields."""
        hidden = self.n_hidden
        own = self.rows.shape[1] * hidden
        bias, fields = position[own : own + hidden], self.fields[row]
        ends = own + (1 + self.n_classes) * hidden
        top = -np.inf
        for y in range(self.n_classes):
            links = position[own + (1 + y) * hidden : own + (2 + y) * hidden]
            self.chances[y] = position[ends + y] + softplus_sum(fields, bias, links)
            top = max(top, self.chances[y])
        total = 0.0
        for y in range(self.n_classes):
            self.chances[y] = math.exp(self.chances[y] - top)
            total += self.chances[y]
        for j in range(hidden):
            self.slopes[row, j] = np.float32(0.0)
        for y in range(self.n_classes):
            pull = np.float32(factor * np.float32(self.chances[y] / total - (1.0 if y == truth else 0.0)))
            first = own + (1 + y) * hidden
            out[ends + y] += pull
            add_slopes(fields, bias, position[first : first + hidden], pull, out[first : first + hidden], self.slopes[row])
        for j in range(hidden):
            out[own + j] += self.slopes[row, j]


@helper(reorder=True)
def softplus_sum(fields: Singles, bias: Singles, links: Singles) -> float:
    """Return the sum of log(1 + exp(o))."""
    total = np.float32(0.0)
    for j in range(fields.size):
        o = np.float32(fields[j] + bias[j] + links[j])
        total += max(o, np.float32(0.0)) + excess(abs(o))
    return np.float64(total)


@helper(reorder=True)
def add_slopes(fields: Singles, bias: Singles, links: Singles, pull: Any, out: Singles, slopes: Singles) -> None:
    """Add pull times sigma(o) to the gradient of the class's weights and to the slopes of the fields."""
    for j in range(fields.size):
        slope = np.float32(pull * logistic(np.float32(fields[j] + bias[j] + links[j])))
        out[j] += slope
        slopes[j] += slope


def class_scores(rows: Any, weights: Any, hidden_bias: Any, links: Any, class_bias: Any) -> Floats:
    """Return log p(y | v) up to a constant, a column per class, in double precision."""
    fields = rows @ weights + hidden_bias
    columns = [bias + np.logaddexp(0.0, fields + link).sum(axis=1) for link, bias in zip(links, class_bias, strict=True)]
    return np.stack(columns, axis=1).astype(np.float64)
