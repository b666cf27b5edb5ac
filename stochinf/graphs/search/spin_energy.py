r"""Spins in whole numbers: energies, gains and what a flip changes, without rounding errors.

With :math:`E(s) = -\sum_i h_i s_i - \sum_{ij} J_{ij} s_i s_j`, flipping spin i changes the energy by its *gain*

.. math:: d_i = 2 s_i (h_i + \sum_j J_{ij} s_j).

Fields and couplings are multiplied by a power of two and rounded to integers, so that gains kept up to date over any number of
flips equal recomputed ones. Where the model's numbers are such multiples already (max-cut with whole weights, say), nothing is
rounded; else the rounding is below 2^-27 of the largest sum of couplings at one spin.

References
----------
Glover, F., Kochenberger, G. A. and Alidaee, B. (1998). Adaptive memory tabu search for binary quadratic programs.
Management Science 44(3): one-flip moves with gains kept up to date.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.naming import quote

__all__ = ["SpinEnergy", "SpinSearchState", "flip", "remember_best", "search_state", "spin_energy", "with_states"]

Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

LARGEST = 2**27
"""What the absolute field and couplings of one spin may add up to in whole numbers: gains then fit 32 bits."""


@part
class SpinEnergy(NamedTuple):
    """The energy of spins in whole numbers; one unit is `unit` of the log score.

    Attributes
    ----------
    start : int32 (V + 1,)
        Spin i has the neighbours ``neighbours[start[i]:start[i + 1]]`` with the couplings at the same places.
    neighbours : int32 (2 E,)
    coupling : int32 (2 E,)
        4 J in units: what a flip adds to the gain of a neighbour that it leaves satisfied.
    field : int32 (V,)
        h in units.
    unit : float
    """

    start: Int32s
    neighbours: Int32s
    coupling: Int32s
    field: Int32s
    unit: float

    @property
    def n_points(self) -> int:
        """Number of spins."""
        return int(self.field.size)


class SpinSearchState(NamedTuple):
    """Where a search stands, and the best it has seen.

    Attributes
    ----------
    position : int8 (V,)
        Spins, -1 or +1.
    gain : int32 (V,)
        What flipping each spin adds to the energy.
    energy : int64 (2,)
        The present energy and the lowest seen, in units.
    best : int8 (V,)
        The spins of the lowest energy.
    journal : int32 (V,), journalled : int64 (1,)
        Spins flipped since then, so that remembering a new best costs no more than the flips that led there.
    until : int32 (V,), clock : int64 (4,)
        Memory of tabu search: the move until which a spin rests; moves made, move of the last improvement, ...
    stats : float64 (0,)
    """

    position: Int8s
    gain: Int32s
    energy: Int64s
    best: Int8s
    journal: Int32s
    journalled: Int64s
    until: Int32s
    clock: Int64s
    stats: npt.NDArray[np.float64]


@helper()
def flip(target: Any, state: Any, i: int) -> None:
    """Flip spin i; gains, energy and journal follow."""
    gain = state.gain
    spin = state.position
    turned = np.int32(-spin[i])
    spin[i] = np.int8(turned)
    d = gain[i]
    gain[i] = np.int32(-d)
    state.energy[0] += d
    for k in range(target.start[i], target.start[i + 1]):
        j = target.neighbours[k]
        gain[j] = np.int32(gain[j] + np.int32(turned * np.int32(spin[j])) * target.coupling[k])
    m = state.journalled[0]
    if m < state.journal.size:
        state.journal[m] = i
        state.journalled[0] = m + 1
    else:
        state.journalled[0] = state.journal.size + 1


@helper()
def remember_best(state: Any) -> None:
    """Make the present position the best."""
    m = state.journalled[0]
    if m <= state.journal.size:
        for k in range(m):
            i = state.journal[k]
            state.best[i] = state.position[i]
    else:
        for i in range(state.best.size):
            state.best[i] = state.position[i]
    state.journalled[0] = 0
    state.energy[1] = state.energy[0]


def spin_energy(graph: FactorGraph, largest: int = LARGEST) -> SpinEnergy:
    """Return the energy of a binary pairwise positive model in whole numbers.

    Parameters
    ----------
    graph : FactorGraph
    largest : int
        What the absolute field and couplings of one spin may add up to.

    Raises
    ------
    GraphError
        If the model is of another kind.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.search.spin_energy import spin_energy
    >>> spin_energy(si.FactorGraph.from_log_tables([2, 2], [(0, 1)], [[1, -1, -1, 1]])).unit
    1.0
    """
    spins = graph.spins
    if spins is None:
        raise GraphError(
            f"{graph}: spins are binary variables with positive tables of at most two of them; this is another model"
        )
    ends = np.concatenate([spins.edges[:, 0], spins.edges[:, 1]])
    others = np.concatenate([spins.edges[:, 1], spins.edges[:, 0]])
    demand(16 * ends.size + 32 * graph.n_variables, f"{graph.n_variables} spins")
    couplings = np.concatenate([spins.coupling, spins.coupling])
    reach = np.abs(spins.field) + np.bincount(ends, np.abs(couplings), graph.n_variables)
    scale = _scale(spins, float(reach.max(initial=0.0)), graph, largest)
    order = np.argsort(ends, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=graph.n_variables))])
    whole = 4 * np.rint(couplings[order] * scale).astype(np.int32)
    field = np.rint(spins.field * scale).astype(np.int32)
    return SpinEnergy(start.astype(np.int32), others[order].astype(np.int32), whole, field, 1.0 / scale)


def _scale(spins: Any, reach: float, graph: FactorGraph, most: int) -> float:
    """Return the smallest power of two that makes all numbers whole, else the largest that fits."""
    if not np.isfinite(reach):
        node = graph.variables[0]
        raise GraphError(f"variable {quote(node)}: field and couplings add up beyond float64; rescale the model")
    if reach == 0.0:
        return 1.0
    largest = 2.0 ** np.floor(np.log2(most / reach))
    numbers = np.concatenate([spins.field, spins.coupling])
    for power in range(-16, 17):
        scale = 2.0**power
        if scale <= largest and (numbers * scale == np.rint(numbers * scale)).all():
            return scale
    return float(largest)


def search_state(target: SpinEnergy, states: npt.NDArray[Any]) -> SpinSearchState:
    """Return the state of a search at state indices (V,), which are its best so far."""
    n = target.n_points
    state = SpinSearchState(
        np.zeros(n, np.int8), np.zeros(n, np.int32), np.zeros(2, np.int64), np.zeros(n, np.int8), np.zeros(n, np.int32),
        np.zeros(1, np.int64), np.zeros(n, np.int32), np.zeros(4, np.int64), np.empty(0),
    )  # fmt: skip
    with_states(target, state, states)
    state.energy[1] = state.energy[0]
    state.best[:] = state.position
    state.journalled[0] = 0
    return state


def with_states(target: SpinEnergy, state: SpinSearchState, states: npt.NDArray[Any]) -> None:
    """Put a search at state indices (V,); what it remembers as best stays."""
    spins = 2 * np.asarray(states, np.int64) - 1
    state.position[:] = spins
    state.gain[:], state.energy[0] = gains(target, spins)
    state.journalled[0] = state.journal.size + 1


def gains(target: SpinEnergy, spins: Int64s) -> tuple[Int32s, int]:
    """Return the gain of every flip, and the energy, from scratch.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.graphs.search.spin_energy import gains, spin_energy
    >>> target = spin_energy(si.FactorGraph.from_log_tables([2, 2], [(0, 1)], [[1, -1, -1, 1]]))
    >>> gains(target, np.array([1, -1]))
    (array([-2, -2], dtype=int32), 1)
    """
    owner = np.repeat(np.arange(target.n_points), np.diff(target.start))
    pull = np.zeros(target.n_points, np.int64)
    np.add.at(pull, owner, target.coupling.astype(np.int64) // 4 * spins[target.neighbours])
    field = target.field.astype(np.int64)
    energy = -int((field * spins).sum()) - int((pull * spins).sum()) // 2
    return (2 * spins * (field + pull)).astype(np.int32), energy
