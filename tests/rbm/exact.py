"""Small machines of any units by enumeration, or on a grid where units are real."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, softmax

from stochinf.rbm.parameters import joined

Array = npt.NDArray[Any]
REACH, POINTS = 12.0, 100


class Small(NamedTuple):
    visible: Any
    hidden: Any
    weights: Array
    visible_bias: Array
    hidden_bias: Array
    log_precision: Array

    @property
    def position(self) -> Array:
        return joined(*self[2:])

    def with_position(self, position: Array) -> "Small":
        sizes = np.cumsum([part.size for part in self[2:]])[:-1]
        return Small(
            self.visible, self.hidden, *(p.reshape(o.shape) for p, o in zip(np.split(position, sizes), self[2:], strict=True))
        )

    def nodes(self) -> tuple[Array, Array]:
        """Visible states, or points of a grid, and the log of what each stands for."""
        states = self.visible.states(len(self.visible_bias))
        if states is not None:
            return states, np.zeros(len(states))
        low = max(self.visible.bounds[0], -REACH)
        nodes, edges = np.polynomial.legendre.leggauss(POINTS)
        line, edges = low + (nodes + 1.0) * (REACH - low) / 2.0, edges * (REACH - low) / 2.0
        size = len(self.visible_bias)
        rows = np.stack(np.meshgrid(*[line] * size, indexing="ij"), axis=-1).reshape(-1, size)
        log_edges = np.stack(np.meshgrid(*[np.log(edges)] * size, indexing="ij"), axis=-1).reshape(-1, size).sum(axis=1)
        return rows, log_edges

    def log_weight(self, v: Array) -> Array:
        """The log of the unnormalised density of visible units."""
        summed = self.hidden.log_partition(v @ self.weights + self.hidden_bias)
        return v @ self.visible_bias + self.visible.log_base(v, self.log_precision) + summed

    def log_likelihood(self, v: Array) -> float:
        rows, log_measure = self.nodes()
        return float((self.log_weight(v) - logsumexp(self.log_weight(rows) + log_measure)).mean())

    def statistics(self, v: Array, shares: Array) -> Array:
        """Mean derivatives of the log weight by every parameter."""
        h = self.hidden.mean(v @ self.weights + self.hidden_bias) * shares[:, None]
        squares = -0.5 * np.exp(self.log_precision) * (shares @ v**2) if self.log_precision.size else np.empty(0)
        return np.concatenate([(v.T @ h).ravel(), shares @ v, h.sum(axis=0), squares])

    def expected(self) -> Array:
        """The statistics of the machine itself, by visible nodes or by hidden states."""
        hidden = self.hidden.states(len(self.hidden_bias))
        if self.visible.states(len(self.visible_bias)) is not None or hidden is None:
            rows, log_measure = self.nodes()
            return self.statistics(rows, softmax(self.log_weight(rows) + log_measure))
        fields = hidden @ self.weights.T + self.visible_bias
        shares = softmax(hidden @ self.hidden_bias + self.visible.log_partition(fields, self.log_precision))
        means = self.visible.mean(fields, self.log_precision)
        squares = np.empty(0)
        if self.log_precision.size:  # E[v^2] = E[v]^2 + d E[v] / d a
            slope = (
                self.visible.mean(fields + 1e-5, self.log_precision) - self.visible.mean(fields - 1e-5, self.log_precision)
            ) / 2e-5
            squares = -0.5 * np.exp(self.log_precision) * (shares @ (means**2 + slope))
        return np.concatenate([(means.T @ (hidden * shares[:, None])).ravel(), shares @ means, shares @ hidden, squares])

    def rows(self, n: int, rng: np.random.Generator) -> Array:
        """Exact draws of the visible units; one of the layers has a list of states."""
        states = self.visible.states(len(self.visible_bias))
        if states is not None:
            return states[rng.choice(len(states), n, p=softmax(self.log_weight(states)))]
        hidden = self.hidden.states(len(self.hidden_bias))
        fields = hidden @ self.weights.T + self.visible_bias
        shares = softmax(hidden @ self.hidden_bias + self.visible.log_partition(fields, self.log_precision))
        return self.visible.sample(fields[rng.choice(len(hidden), n, p=shares)], self.log_precision, rng)


def small(visible: Any, hidden: Any, n_visible: int, n_hidden: int, seed: int, scale: float = 0.4) -> Small:
    rng = np.random.default_rng(seed)
    parts = [rng.normal(0, scale, shape) for shape in ((n_visible, n_hidden), n_visible, n_hidden, n_visible)]
    parts[3] = parts[3] + 0.3 if visible.has_precision else np.empty(0)
    return Small(visible, hidden, *(part.astype(np.float32).astype(np.float64) for part in parts))
