r"""A stack of sigmoid layers with a softmax on top, as a target of any optimiser: backpropagation in compiled code.

With :math:`x_0` a row, :math:`x_l = \sigma(x_{l-1} W_l + b_l)` and the last layer's :math:`a_L = x_{L-1} W_L + b_L`, the loss
is the cross-entropy :math:`-\sum_k t_k \log \mathrm{softmax}(a_L)_k` of targets that may be shares of classes, and

.. math:: \delta_L = \mathrm{softmax}(a_L) - t, \quad \delta_{l} = (\delta_{l+1} W_{l+1}^\top) x_l (1 - x_l), \quad
   \nabla_{W_l} = x_{l-1}^\top \delta_l .

With dropout a unit takes no part in a row with a chance p, and is 1 / (1 - p) times as large in the others: the network that
sees every unit then needs no other weights. The slope of what is left of it, x_l, becomes :math:`x_l (1 - (1 - p) x_l)`.

References
----------
Rumelhart, D. E., Hinton, G. E. and Williams, R. J. (1986). Learning representations by back-propagating errors. Nature 323.
Srivastava, N. et al. (2014). Dropout: a simple way to prevent neural networks from overfitting. JMLR 15, sections 4 and 10.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg.cython_blas  # noqa: F401  # the BLAS that compiled code calls, loaded before its threads are limited
from scipy.special import expit

from stochinf.engine.blas import multiply
from stochinf.engine.driver import Controls, drive
from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.observers import Nothing
from stochinf.engine.parts import part
from stochinf.engine.random import lane_streams, lane_uniform
from stochinf.engine.session import Plan, build
from stochinf.engine.threads import single_threaded_blas
from stochinf.models.batch import member, size_of
from stochinf.rbm.tapes import Passes
from stochinf.rbm.units import logistic

__all__ = ["Network", "descended", "forward", "joined_layers", "layers_of"]

Singles = npt.NDArray[np.float32]
Layers = list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]
EMPTY = np.empty(0, np.float32)
NO_WORDS = np.empty((2, 0), np.uint32)


@part
class Network(NamedTuple):
    """Rows, targets and the widths of the layers.

    Parameters
    ----------
    rows : ndarray of shape (n, widths[0])
    targets : ndarray of shape (n, widths[-1])
        One 1 in each row, or shares that add up to 1.
    widths : ndarray of shape (L + 1,)
    batch : int
        Rows worked on at once.
    l2 : float
        Half of it times the squares of the weights is added to the mean loss.
    dropout : tuple of float
        Chances that a unit of the rows and one of the hidden layers take no part in a row.
    seed : int
        Of what drops out.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.rbm.network import Network
    >>> network = Network(np.eye(3), np.eye(3)[:, :2] + 0.5 * np.eye(3)[2][:, None], np.array([3, 4, 2]), 3)
    >>> out = np.zeros(network.dim, np.float32)
    >>> network.gradient(np.zeros(network.dim, np.float32), np.arange(3), out)
    >>> out[-2:].round(3)
    array([0., 0.], dtype=float32)
    """

    rows: Singles
    targets: Singles
    widths: npt.NDArray[np.int64]
    batch: int
    l2: float = 0.0
    dropout: tuple[float, float] = (0.0, 0.0)
    seed: int = 0
    words: npt.NDArray[np.uint32] = NO_WORDS
    inputs: Singles = EMPTY
    active: Singles = EMPTY
    deltas: Singles = EMPTY
    partial: Singles = EMPTY

    def checked(self) -> Network:
        """Check the shapes and make room to work in."""
        if self.inputs.size:
            return self
        widths = self.widths
        if not all(0.0 <= chance < 1.0 for chance in self.dropout):
            raise StochinfError(f"Network: dropout = {self.dropout}; chances from 0 to below 1 are needed")
        if self.rows.shape != (len(self.targets), widths[0]) or self.targets.shape[1] != widths[-1] or (widths < 1).any():
            raise StochinfError(f"Network: rows {self.rows.shape}, targets {self.targets.shape} for layers of {widths} units")
        demand(4 * self.batch * (int(widths.sum()) + 2 * int(widths.max())), f"layers of {widths} units")
        return self._replace(
            inputs=np.zeros(self.batch * widths[0], np.float32), active=np.zeros(self.batch * widths[1:].sum(), np.float32),
            deltas=np.zeros(2 * self.batch * widths.max(), np.float32), partial=np.zeros(self.dim, np.float32),
            words=lane_streams(np.random.SeedSequence(self.seed), int(widths.max())),
        )  # fmt: skip

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def dim(self) -> int:
        """Number of weights and biases."""
        return int(((self.widths[:-1] + 1) * self.widths[1:]).sum())

    def variables(self, positions: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Return the parameters by name."""
        return {"parameters": positions}

    def gradient(self, position: Singles, point: Any, out: Singles) -> None:
        """Write the gradient of the mean loss of a minibatch; a point below zero names no row."""
        points = size_of(point)
        rows = 0
        for k in range(points):
            rows += 1 if member(point, k) >= 0 else 0
        whole = rows > 0 and points <= self.batch
        if not whole:
            for i in range(out.size):
                out[i] = np.float32(0.0)
        for start in range(0, points, self.batch):
            found = gather(self, point, start, min(start + self.batch, points))
            if found > 0:
                go_up(self, position, found)
                go_down(self, position, found, np.float32(1.0 / rows), out if whole else self.partial)
                if not whole:
                    for i in range(out.size):
                        out[i] += self.partial[i]
        if self.l2 > 0.0:
            for i in range(out.size):
                out[i] += np.float32(self.l2) * position[i]


@helper()
def gather(net: Any, point: Any, start: int, stop: int) -> int:
    """Copy rows to the first layer, and their targets to the differences at the top; return how many there are."""
    width, classes = net.rows.shape[1], net.targets.shape[1]
    found = 0
    for k in range(start, stop):
        row = member(point, k)
        if row >= 0:
            for j in range(width):
                net.inputs[found * width + j] = net.rows[row, j]
            for j in range(classes):
                net.deltas[found * classes + j] = -net.targets[row, j]
            found += 1
    thin(net.inputs[: found * width].reshape((found, width)), net.dropout[0], net.words)
    return found


@helper()
def go_up(net: Any, position: Singles, rows: int) -> None:
    """Work out every layer; add the shares of the classes to the differences at the top."""
    below = net.inputs[: rows * net.widths[0]].reshape((rows, net.widths[0]))
    start, place = 0, 0
    for l in range(1, net.widths.size):
        wide, narrow = net.widths[l - 1], net.widths[l]
        weights = position[start : start + wide * narrow].reshape((wide, narrow))
        bias = position[start + wide * narrow : start + (wide + 1) * narrow]
        above = net.active[place : place + rows * narrow].reshape((rows, narrow))
        multiply(below, False, weights, False, above, np.float32(0.0))
        if l + 1 < net.widths.size:
            squash(above, bias)
            thin(above, net.dropout[1], net.words)
        else:
            shares(above, bias, net.deltas)
        below = above
        start += (wide + 1) * narrow
        place += rows * narrow


@helper(reorder=True)
def squash(layer: Singles, bias: Singles) -> None:
    """Turn activations into chances."""
    for i in range(layer.shape[0]):
        for j in range(layer.shape[1]):
            layer[i, j] = logistic(np.float32(layer[i, j] + bias[j]))


@helper(reorder=True)
def thin(layer: Singles, chance: float, words: npt.NDArray[np.uint32]) -> None:
    """Let units take no part in a row with a chance, and make the others larger."""
    if chance > 0.0:
        lost, factor = np.float32(chance), np.float32(1.0 / (1.0 - chance))
        for i in range(layer.shape[0]):
            for j in range(layer.shape[1]):
                layer[i, j] *= factor if lane_uniform(words, j) >= lost else np.float32(0.0)


@helper()
def shares(layer: Singles, bias: Singles, deltas: Singles) -> None:
    """Add the softmax of every row to the differences."""
    classes = layer.shape[1]
    for i in range(layer.shape[0]):
        top = layer[i, 0] + bias[0]
        for j in range(classes):
            top = max(top, layer[i, j] + bias[j])
        total = 0.0
        for j in range(classes):
            total += math.exp(layer[i, j] + bias[j] - top)
        for j in range(classes):
            deltas[i * classes + j] += math.exp(layer[i, j] + bias[j] - top) / total


@helper()
def go_down(net: Any, position: Singles, rows: int, factor: Any, out: Singles) -> None:
    """Write the gradient of every layer, from the top."""
    half = net.deltas.size // 2
    stop, place, side = position.size, 0, 0
    for l in range(1, net.widths.size):
        place += rows * net.widths[l]
    for back in range(1, net.widths.size):
        l = net.widths.size - back
        wide, narrow = net.widths[l - 1], net.widths[l]
        start = stop - (wide + 1) * narrow
        place -= rows * narrow
        delta = net.deltas[side : side + rows * narrow].reshape((rows, narrow))
        if back == 1:
            scaled(delta, factor)
        column_sums(delta, out[start + wide * narrow : stop])
        if l > 1:
            below = net.active[place - rows * wide : place].reshape((rows, wide))
        else:
            below = net.inputs[: rows * wide].reshape((rows, wide))
        multiply(below, True, delta, False, out[start : start + wide * narrow].reshape((wide, narrow)), np.float32(0.0))
        if l > 1:
            side = half - side
            lower = net.deltas[side : side + rows * wide].reshape((rows, wide))
            weights = position[start : start + wide * narrow].reshape((wide, narrow))
            multiply(delta, False, weights, True, lower, np.float32(0.0))
            slopes(lower, below, np.float32(1.0 - net.dropout[1]))
        stop = start


@helper(reorder=True)
def scaled(delta: Singles, factor: Any) -> None:
    """Multiply by a factor."""
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            delta[i, j] *= factor


@helper(reorder=True)
def column_sums(delta: Singles, out: Singles) -> None:
    """Write the sums over rows."""
    for j in range(out.size):
        out[j] = np.float32(0.0)
    for i in range(delta.shape[0]):
        for j in range(out.size):
            out[j] += delta[i, j]


@helper(reorder=True)
def slopes(delta: Singles, layer: Singles, kept: Any) -> None:
    """Multiply by the slopes of the layer below, of whose units a share is kept."""
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            delta[i, j] *= layer[i, j] * (np.float32(1.0) - np.float32(kept * layer[i, j]))


def descended(
    target: Any, rule: Any, start: npt.ArrayLike, *, batch: int, passes: int, entropy: int, progress: Any = None
) -> Singles:
    """Return the parameters after whole passes of a rule of `stochinf.optim` over the rows, in single precision.

    Raises
    ------
    StochinfError
        If the parameters stop being finite.
    """
    init = np.asarray(start, dtype=np.float32)
    session = build(Plan(rule, target, Passes(batch), None, Nothing(), init[None], 1, 0, 1, False, entropy), 0)
    with single_threaded_blas(True):
        drive(session, passes * session.steps_per_epoch, Controls(progress=progress))
    position: Singles = session.blocks[0].state.position
    if not np.isfinite(position).all():
        raise StochinfError("the parameters are no longer finite: lower the learning rate")
    return position


def joined_layers(layers: Layers) -> Singles:
    """Return the vector of weights (below, above) and biases of layers from below.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.rbm.network import joined_layers
    >>> joined_layers([(np.zeros((3, 2)), np.ones(2))]).size
    8
    """
    return np.concatenate([np.asarray(array, np.float32).ravel() for layer in layers for array in layer])


def layers_of(position: npt.NDArray[Any], widths: npt.NDArray[np.int64]) -> Layers:
    """Return weights and biases of each layer, views of the vector."""
    layers, start = [], 0
    for wide, narrow in zip(widths[:-1].tolist(), widths[1:].tolist(), strict=True):
        stop = start + wide * narrow
        layers.append((position[start:stop].reshape(wide, narrow), position[stop : stop + narrow]))
        start = stop + narrow
    return layers


def forward(layers: Layers, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the chances of the units of the last of sigmoid layers."""
    for weights, bias in layers:
        rows = expit(rows @ weights + bias)
    return rows
