r"""The exact partition function of a machine by listing every state of its smaller layer.

For units 0 or 1 the states are split into a first and a last half of the units. With :math:`A_{si}` the exponential of what
state s of the first half sends to unit i, bias included, and :math:`B_{ti}` that of the other half,

.. math:: Z = \sum_{s, t} e^{\ldots} \prod_i (1 + A_{si} B_{ti}),

which takes one multiplication and one addition for every state and unit, and few logarithms.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import entry, helper
from stochinf.rbm.machine import Machine
from stochinf.rbm.units import Bernoulli, Spin

__all__ = ["BinaryForm", "affordable", "binary_form", "exact_log_partition"]

Floats = npt.NDArray[np.float64]
MOST_UNITS = 24
MOST_WORK = 4e9
"""States times units of the other layer that plain numpy goes through."""
CHUNK = 2**22
LARGEST = 600.0


class BinaryForm(NamedTuple):
    """A machine whose units are 0 or 1, and the constant in its log weight."""

    weights: Floats
    visible_bias: Floats
    hidden_bias: Floats
    constant: float


def binary_form(machine: Machine) -> BinaryForm | None:
    """Return the machine in units 0 or 1, s = 2 x - 1 for spins; None where a unit is neither.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.rbm.exact import binary_form
    >>> from stochinf.rbm.fields import layer
    >>> spins = layer(si.rbm.Spin(), 1)
    >>> form = binary_form(si.rbm.Machine(np.ones((1, 1)), np.zeros(1), np.zeros(1), visible=spins, hidden=spins))
    >>> form.weights, form.constant
    (array([[4.]]), 1.0)
    """
    if not all(isinstance(part.units, (Bernoulli, Spin)) for part in (machine.visible, machine.hidden)):
        return None
    weights, b, c = (np.asarray(array, dtype=np.float64) for array in machine[:3])
    constant = 0.0
    if isinstance(machine.visible.units, Spin):
        constant -= float(b.sum())
        c, b, weights = c - weights.sum(axis=0), 2.0 * b, 2.0 * weights
    if isinstance(machine.hidden.units, Spin):
        constant -= float(c.sum())
        b, c, weights = b - weights.sum(axis=1), 2.0 * c, 2.0 * weights
    return BinaryForm(weights, b, c, constant)


def affordable(machine: Machine) -> bool:
    """Return whether listing states is quick: at most 24 units 0 or 1 (or -1 or 1) on one side, or so many states.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.rbm.exact import affordable
    >>> affordable(si.rbm.Machine(np.zeros((100, 24)), np.zeros(100), np.zeros(24)))
    True
    """
    if binary_form(machine) is not None:
        return min(machine.n_visible, machine.n_hidden) <= MOST_UNITS
    return min(work for work, _ in _ways(machine)) <= MOST_WORK


def _ways(machine: Machine) -> list[tuple[float, bool]]:
    """Return the work of listing the states of each layer, infinite where they cannot be listed, and which it is."""
    sizes = {True: machine.n_visible, False: machine.n_hidden}
    found = []
    for visible, part in ((True, machine.visible), (False, machine.hidden)):
        one = part.units.states(getattr(part.units, "n_states", 1))
        groups = sizes[visible] // getattr(part.units, "n_states", 1)
        states = math.inf if one is None or groups * math.log2(len(one)) > 40 else float(len(one)) ** groups
        found.append((states * sizes[not visible], visible))
    return found


def exact_log_partition(machine: Machine) -> float:
    """Return the log partition function, exactly.

    Parameters
    ----------
    machine : Machine

    Raises
    ------
    StochinfError
        If there are too many states.
    """
    if not affordable(machine):
        raise StochinfError(
            f"{machine.n_visible} by {machine.n_hidden} units: too many states to list ({MOST_UNITS} binary units on one side"
            " are the most); use method='ais'"
        )
    form = binary_form(machine)
    return _binary(form) if form is not None else _listed(machine)


def _binary(form: BinaryForm) -> float:
    weights, few, many = form.weights, form.visible_bias, form.hidden_bias
    if few.size > many.size:
        weights, few, many = weights.T, many, few
    half = few.size // 2
    first, last = (Bernoulli().states(n) if n else np.zeros((1, 0)) for n in (half, few.size - half))
    a, b = first @ weights[:half] + many, last @ weights[half:]
    largest = float(np.abs(a).max(axis=0).max() + np.abs(b).max())
    if largest > LARGEST:
        return form.constant + _slowly(a, b, first @ few[:half], last @ few[half:])
    tops = np.empty((2, len(first)))
    products(np.exp(a), np.exp(b), first @ few[:half], last @ few[half:], max(1, int(LARGEST / max(largest, 1.0))), tops)
    return form.constant + float(np.logaddexp.reduce(tops[0] + np.log(tops[1])))


def _slowly(a: Floats, b: Floats, first: Floats, last: Floats) -> float:
    """Return the log of the sum where exponentials overflow."""
    rows = [one + last + np.logaddexp(0.0, fields + b).sum(axis=1) for one, fields in zip(first, a, strict=True)]
    return float(np.logaddexp.reduce([np.logaddexp.reduce(row) for row in rows]))


@helper(reorder=True)
def product(a: Any, b: Any, start: int, stop: int) -> float:
    """Return the product of 1 + a b."""
    value = 1.0
    for i in range(start, stop):
        value *= 1.0 + a[i] * b[i]
    return value


@entry
def products(a: Any, b: Any, first: Any, last: Any, block: int, tops: Any) -> None:
    """Write, for every state of the first half, the greatest log weight and the sum of weights relative to it."""
    for s in range(a.shape[0]):
        top = -np.inf
        total = 0.0
        for t in range(b.shape[0]):
            value = first[s] + last[t]
            for start in range(0, a.shape[1], block):
                value += math.log(product(a[s], b[t], start, min(start + block, a.shape[1])))
            if value > top:
                total = total * math.exp(top - value) + 1.0
                top = value
            else:
                total += math.exp(value - top)
        tops[0, s] = top
        tops[1, s] = total


def _listed(machine: Machine) -> float:
    """Return the log partition function by listing the states of the layer that takes less work."""
    visible = min(_ways(machine))[1]
    part, other = (machine.visible, machine.hidden) if visible else (machine.hidden, machine.visible)
    weights, own, others = (np.asarray(array, dtype=np.float64) for array in machine[:3])
    if not visible:
        weights, own, others = weights.T, others, own
    states = part.units.states(own.size)
    size = max(1, CHUNK // others.size)
    sums = [
        np.logaddexp.reduce(rows @ own + other.log_partition(rows @ weights + others))
        for rows in (states[start : start + size] for start in range(0, len(states), size))
    ]
    return float(np.logaddexp.reduce(sums))
