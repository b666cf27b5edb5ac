"""Machines small enough to enumerate, and the chain written in numpy."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from stochinf.engine.loop import iterate
from stochinf.engine.observers import Nothing
from stochinf.engine.random import stream
from stochinf.engine.streams import Streams
from stochinf.rbm.contrastive import ContrastiveDivergence
from stochinf.rbm.data import Rows
from stochinf.rbm.parameters import joined

Array = npt.NDArray[Any]


def states(n: int) -> Array:
    """All 0/1 vectors of length n, the last unit fastest."""
    return np.indices((2,) * n).reshape(n, -1).T.astype(float)


def codes(rows: Array) -> Array:
    return (rows @ 2 ** np.arange(rows.shape[1])[::-1]).astype(int)


class Machine(NamedTuple):
    weights: Array
    visible_bias: Array
    hidden_bias: Array

    @property
    def position(self) -> Array:
        return joined(*self)

    def joint(self) -> Array:
        """p(v, h), a row per visible state."""
        v, h = states(len(self.visible_bias)), states(len(self.hidden_bias))
        weights = np.exp(v @ self.weights @ h.T + (v @ self.visible_bias)[:, None] + h @ self.hidden_bias)
        return weights / weights.sum()

    def free_energy(self, rows: Array) -> Array:
        """By summing over every hidden state."""
        h = states(len(self.hidden_bias))
        return -np.log(np.exp(rows @ self.weights @ h.T + (rows @ self.visible_bias)[:, None] + h @ self.hidden_bias).sum(axis=1))

    def hidden(self, rows: Array) -> Array:
        return expit(rows @ self.weights + self.hidden_bias)

    def transition(self) -> Array:
        """One Gibbs step from visible state to visible state."""
        v, h = states(len(self.visible_bias)), states(len(self.hidden_bias))
        return bernoulli(self.hidden(v), h) @ bernoulli(expit(h @ self.weights.T + self.visible_bias), v)

    def statistics(self, rows: Array, probabilities: Array) -> Array:
        """Expected weights, visible and hidden statistics as one vector."""
        p = self.hidden(rows) * probabilities[:, None]
        return np.concatenate([(rows.T @ p).ravel(), rows.T @ probabilities, p.sum(axis=0)])


def bernoulli(p: Array, values: Array) -> Array:
    """Probabilities of 0/1 vectors, a row per row of p."""
    return np.prod(np.where(values[None] > 0, p[:, None], 1 - p[:, None]), axis=2)


def machine(seed: int, n_visible: int, n_hidden: int, scale: float = 1.0) -> Machine:
    rng = np.random.default_rng(seed)
    parts = (rng.normal(0, scale, shape) for shape in ((n_visible, n_hidden), n_visible, n_hidden))
    return Machine(*(part.astype(np.float32).astype(np.float64) for part in parts))


def plain(*arguments: Any, **named: Any) -> ContrastiveDivergence:
    """The kernel without centring."""
    return ContrastiveDivergence(*arguments, **{"centered": 0.0, **named})


def started(kernel: ContrastiveDivergence, target: Any, model: Machine, seed: int = 0) -> Any:
    return kernel.init(target, model.position, Streams(seed, 0, 1))


def do_steps(kernel: ContrastiveDivergence, target: Any, state: Any, points: Array, rate: float) -> None:
    rates = np.full(len(points), rate)
    with np.errstate(over="ignore"):
        iterate(kernel, target, state, Nothing(), points, rates, stream(np.random.SeedSequence(0)), len(points), len(points))


def chain_ends(model: Machine, rows: Array, k: int, seed: int = 0) -> Array:
    """Visible units after k steps of the compiled chain from every row."""
    target, n = Rows(rows), len(rows)
    kernel = plain(len(model.hidden_bias), k, 1.0, n)
    state = started(kernel, target, model, seed)
    do_steps(kernel, target, state, np.arange(n)[None], 0.0)
    return state.visible[:n]


def lane_numbers(words: Array, rows: int, units: int) -> Array:
    """Uniform numbers (rows, units) of xoroshiro64*, the lanes' words moved on in place."""
    out = np.empty((rows, units))
    for i in range(rows):
        a, b = words[0, :units].copy(), words[1, :units] ^ words[0, :units]
        out[i] = ((a * np.uint32(0x9E3779BB) >> np.uint32(9)).astype(np.float32) + np.float32(0.5)) * np.float32(2**-23)
        words[0, :units] = (a << np.uint32(26) | a >> np.uint32(6)) ^ b ^ (b << np.uint32(9))
        words[1, :units] = b << np.uint32(13) | b >> np.uint32(19)
    return out


def reference_chain(model: Machine, rows: Array, words: Array, k: int, bug: str = "") -> Array:
    """k Gibbs steps in numpy with the lanes' numbers; `bug` plants one."""
    visible = rows
    for _ in range(k):
        p = model.hidden(visible)
        hidden = p if bug == "mean-field hidden units" else lane_numbers(words, *p.shape) < p
        bias = 0.0 if bug == "no visible bias" else model.visible_bias
        q = expit(hidden @ model.weights.T * (0.9 if bug == "weights times 0.9" else 1.0) + bias)
        visible = (lane_numbers(words, *q.shape) < q).astype(float)
    return visible


def reference_gradient(model: Machine, rows: Array, words: Array, k: int) -> Array:
    """The mean CD-k step of a batch at rate 1; the last hidden draw is made and not used."""
    ends = reference_chain(model, rows, words, k)
    lane_numbers(words, len(rows), len(model.hidden_bias))
    even = np.full(len(rows), 1 / len(rows))
    return model.statistics(rows, even) - model.statistics(ends, even)
