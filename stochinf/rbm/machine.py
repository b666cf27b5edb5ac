r"""A trained machine as a target: two layers of units, weights between them, and the base-rate model without weights.

.. math:: p_\beta(v, h) \propto m(v)\, m(h) \exp\bigl(\beta (v^\top W h + b^\top v + c^\top h) + (1 - \beta) a^\top v\bigr)

is the machine at :math:`\beta = 1` and, at :math:`\beta = 0`, visible units with biases a that know nothing of each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part
from stochinf.rbm.fields import layer
from stochinf.rbm.units import Bernoulli

__all__ = ["Machine", "with_base"]

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
NO_BASE = np.empty(0, np.float32)
BINARY = layer(Bernoulli(), 0)


@part
class Machine(NamedTuple):
    """A machine to sample from.

    Parameters
    ----------
    weights : ndarray of shape (n_visible, n_hidden)
        Between each visible and each hidden unit.
    visible_bias, hidden_bias : ndarray
        One for each unit.
    base : ndarray of shape (n_visible,)
        Biases of the base-rate model; the default is the visible biases.
    visible, hidden : Layer
        Kinds of units, from `stochinf.rbm.fields.layer`; by default 0 or 1.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.rbm.machine import Machine
    >>> round(Machine(np.zeros((2, 3)), np.zeros(2), np.zeros(3)).base_log_partition(), 4)
    3.4657
    """

    weights: Singles
    visible_bias: Singles
    hidden_bias: Singles
    base: Singles = NO_BASE
    visible: Any = BINARY
    hidden: Any = BINARY

    def checked(self) -> Machine:
        """Check the shapes; complete layers and the base-rate model."""
        shape = (self.visible_bias.size, self.hidden_bias.size)
        if self.weights.shape != shape or not min(shape):
            raise StochinfError(f"Machine: weights of shape {self.weights.shape}; {shape} is needed, as there are biases")
        if not all(np.isfinite(array).all() for array in self[:3]):
            raise StochinfError("Machine: weights and biases must be finite")
        visible, hidden = (
            part if part.no_bias.size else layer(part.units, size, part.log_precision)
            for part, size in zip((self.visible, self.hidden), shape, strict=True)
        )
        base = self.base if self.base.size else self.visible_bias.copy()
        return self._replace(base=base, visible=visible, hidden=hidden)

    @property
    def n_points(self) -> int:
        """One: a step of a chain moves all units."""
        return 1

    @property
    def n_visible(self) -> int:
        """Visible units."""
        return int(self.weights.shape[0])

    @property
    def n_hidden(self) -> int:
        """Hidden units."""
        return int(self.weights.shape[1])

    def base_log_partition(self) -> float:
        """Return the log partition function at beta = 0."""
        return float(self.visible.log_partition(self.base) + self.hidden.log_partition(np.zeros(self.n_hidden)))

    def log_weight(self, visible: npt.ArrayLike) -> Floats:
        """Return the log of the unnormalised probability of rows of visible units, less that of their measure."""
        rows = np.asarray(visible, dtype=np.float64)
        fields = rows @ self.weights.astype(float) + self.hidden_bias
        value: Floats = rows @ self.visible_bias.astype(float) + self.hidden.log_partition(fields)
        return value

    def log_density(self, visible: npt.ArrayLike) -> Floats:
        """Return the log of the unnormalised density of rows, their measure included: minus the free energy."""
        rows = np.asarray(visible, dtype=np.float64)
        base: Floats = self.visible.units.log_base(rows, self.visible.log_precision.astype(float))
        return self.log_weight(rows) + base

    def variables(self, positions: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Return the visible units by name."""
        return {"visible": positions}


def with_base(machine: Machine, means: npt.ArrayLike, weight: float) -> Machine:
    r"""Return a machine whose base-rate model has given means of the visible units, a little smoothed.

    The means of n rows become :math:`(n \mu + s \mu_0) / (n + s)` with those of units without bias, :math:`\mu_0`, and
    s = n / 10, at most 10 (Salakhutdinov and Murray 2008, in their code, for units 0 or 1).

    Parameters
    ----------
    machine : Machine
    means : array_like of shape (n_visible,)
    weight : float
        How many rows the means come from.
    """
    units, log_precision = machine.visible.units, machine.visible.log_precision.astype(float)
    mean = np.asarray(means, dtype=np.float64)
    if units.has_precision:
        return machine._replace(base=(mean * np.exp(log_precision)).astype(np.float32))
    smoothing = min(10.0, 0.1 * weight)
    smooth = (mean * weight + smoothing * machine.visible.mean(np.zeros_like(mean))) / (weight + smoothing)
    return machine._replace(base=units.start(smooth, smooth**2, 10**9)[0].astype(np.float32))
