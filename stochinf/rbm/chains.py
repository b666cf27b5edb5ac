r"""Block Gibbs sampling of a machine at given inverse temperatures, each row a chain that weighs itself as it is cooled.

A row at inverse temperature :math:`\beta` whose temperature becomes :math:`\beta'` is weighed,
:math:`\log w \mathrel{+}= \log p^*_{\beta'}(v) - \log p^*_\beta(v)`, with the hidden units summed out,

.. math:: \log p^*_\beta(v) = (1 - \beta) a^\top v + \beta b^\top v + \sum_j \Gamma\bigl(\beta (c_j + (W^\top v)_j)\bigr),

and then moved: hidden units given the visible ones, visible units given the hidden ones.

References
----------
Neal, R. M. (2001). Annealed importance sampling. Statistics and Computing 11, equation 3.
Salakhutdinov, R. and Murray, I. (2008). On the quantitative analysis of deep belief networks. ICML, section 4.1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg.cython_blas  # noqa: F401  # the BLAS that compiled code calls, loaded before its threads are limited

from stochinf.engine.blas import multiply
from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.random import lane_streams, uniform
from stochinf.rbm.products import project

__all__ = ["BlockGibbs", "ChainState", "Temperatures", "TemperedGibbs"]

Singles = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
ONE = np.ones(1)


class ChainState(NamedTuple):
    """The rows, and what they have gathered.

    Attributes
    ----------
    position : float32 (rows, n_visible)
        Visible units.
    field, sample : float32 (rows, n_hidden)
        Fields of the hidden units at beta = 1; work space and hidden units drawn.
    given : float32 (rows, n_visible) or (0, n_visible)
        What visible units are held at; NaN where they are free.
    beta, rung, tilt, log_weight : float64 (rows,)
        Inverse temperature; its share of the schedule's; (b - a)'v; log weight.
    ratio : float64 (2, rows)
        Log weight of the row's units at the next and at the previous rung, less that at its own.
    swaps : float64 (2, rungs)
        Sum of the chances of a swap with the next rung, and how many were looked at.
    clock : int64 (1,)
    words : uint32 (2, max(n_visible, n_hidden))
    places : int32 (n_visible,)
        Work space.
    stats : float64 (1,)
        Mean log weight.
    """

    position: Singles
    field: Singles
    sample: Singles
    given: Singles
    beta: Floats
    rung: Floats
    tilt: Floats
    log_weight: Floats
    ratio: Floats
    swaps: Floats
    clock: npt.NDArray[np.int64]
    words: npt.NDArray[np.uint32]
    places: npt.NDArray[np.int32]
    stats: Floats


@part
class Temperatures(NamedTuple):
    """Schedule: one value for each step, the last one for ever."""

    values: Floats = ONE

    def prepare(self, target: Any) -> Temperatures:
        """Return a copy with values of its own."""
        return Temperatures(self.values.copy())

    def at(self, step: int) -> float:
        """Return the value of a step."""
        return float(self.values[min(step, self.values.size - 1)])


@part(rate_field="inverse_temperature", statistics=("log_weight",), blas=True)
class BlockGibbs(NamedTuple):
    """Block Gibbs sampling: all hidden units given the visible ones, then all visible units given the hidden ones.

    Parameters
    ----------
    rows : int
        Chains side by side: rows of the matrix products.
    inverse_temperature : float or schedule
        1 samples the machine; a schedule anneals.
    start : float
        Inverse temperature at which the starting rows count as drawn.
    given : ndarray of shape (rows, n_visible), optional
        What visible units are held at; NaN where they are free.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> machine = si.rbm.Machine(np.array([[2.0, -2.0], [2.0, -2.0]]), np.zeros(2), np.zeros(2))
    >>> run = si.run(si.rbm.BlockGibbs(rows=8), machine, steps=200, rng=0)
    >>> run["visible"].shape
    (1, 200, 8, 2)
    """

    rows: int = 100
    inverse_temperature: Any = 1.0
    start: float = 0.0
    given: Singles = np.empty((0, 0), np.float32)

    def checked(self) -> BlockGibbs:
        """Check the number of rows."""
        if not 1 <= self.rows < 2**31:
            raise StochinfError(f"BlockGibbs: rows = {self.rows}; a whole number from 1 on is needed")
        return self

    def prepare(self, target: Any) -> BlockGibbs:
        """Return itself: nothing is left to choose."""
        return self

    def pick(self, target: Any) -> Scan:
        """Take the one point there is."""
        return Scan(1)

    def init(self, target: Any, position: npt.NDArray[Any] | None, streams: Any) -> ChainState:
        """Return rows at a given position, or drawn from the base-rate model."""
        return starting(target, position, streams, np.ones(self.rows), self.start, self.given)

    def update(self, target: Any, state: Any, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Weigh and move every row."""
        cool(target, state, rate)
        move(target, state)


@part(rate_field="inverse_temperature", statistics=("log_weight",), blas=True)
class TemperedGibbs(NamedTuple):
    """Parallel tempering: rows at a ladder of inverse temperatures move by block Gibbs sampling and change places.

    Neighbours u at rung i and v at rung j = i + 1 change places with the chance
    min(1, p_i(v) p_j(u) / (p_i(u) p_j(v))), even and odd pairs in turn.

    Parameters
    ----------
    ladder : ndarray of shape (rungs,)
        Rising inverse temperatures, the last one 1.
    ladders : int
        Independent copies.
    inverse_temperature : float or schedule
        By which the ladder is multiplied: 1.

    References
    ----------
    Swendsen, R. H. and Wang, J.-S. (1986). Replica Monte Carlo simulation of spin glasses. Physical Review Letters 57.
    Desjardins, G. et al. (2010). Tempered Markov chain Monte Carlo for training of restricted Boltzmann machines. AISTATS.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> machine = si.rbm.Machine(np.array([[9.0], [-9.0]]), np.array([-4.5, 4.5]), np.zeros(1))
    >>> run = si.run(si.rbm.TemperedGibbs(np.linspace(0, 1, 4), 2), machine, steps=100, rng=0)
    >>> run["visible"].shape
    (1, 100, 8, 2)
    """

    ladder: Floats = ONE
    ladders: int = 8
    inverse_temperature: Any = 1.0
    given: Singles = np.empty((0, 0), np.float32)

    def checked(self) -> TemperedGibbs:
        """Check the ladder."""
        rising = self.ladder.size == 1 or bool((np.diff(self.ladder) > 0).all())
        if not self.ladder.size or not rising or self.ladder[0] < 0 or self.ladder[-1] != 1.0:
            raise StochinfError("TemperedGibbs: ladder: rising numbers from 0 on that end with 1 are needed")
        if not 1 <= self.ladders < 2**31:
            raise StochinfError(f"TemperedGibbs: ladders = {self.ladders}; a whole number from 1 on is needed")
        return self

    def prepare(self, target: Any) -> TemperedGibbs:
        """Return itself: nothing is left to choose."""
        return self

    def pick(self, target: Any) -> Scan:
        """Take the one point there is."""
        return Scan(1)

    def init(self, target: Any, position: npt.NDArray[Any] | None, streams: Any) -> ChainState:
        """Return rows, ladder after ladder, at a given position, or drawn from the base-rate model."""
        return starting(target, position, streams, np.tile(self.ladder, self.ladders), 0.0, self.given)

    def update(self, target: Any, state: Any, point: Any, rate: float, rng: npt.NDArray[np.uint64]) -> None:
        """Move every row, compare neighbouring rungs and change places."""
        rungs = self.ladder.size
        cool(target, state, rate)
        move(target, state)
        compare(target, state, self.ladder)
        for row in range(state.beta.size - 1):
            rung = row % rungs
            if rung + 1 < rungs and rung % 2 == state.clock[0] % 2:
                chance = np.exp(min(0.0, state.ratio[0, row] + state.ratio[1, row + 1]))
                state.swaps[0, rung] += chance
                state.swaps[1, rung] += 1.0
                if uniform(rng) < chance:
                    swap_rows(state, row)
        state.clock[0] += 1


def starting(target: Any, position: Any, streams: Any, rungs: Floats, beta: float, given: Singles) -> ChainState:
    """Return the state of rows at a position, or drawn from the base-rate model."""
    rows, n_visible, n_hidden = rungs.size, target.n_visible, target.n_hidden
    demand(4 * rows * (3 * n_visible + 3 * n_hidden), f"{rows} chains of {n_visible} by {n_hidden} units")
    if given.size and given.shape != (rows, n_visible):
        raise StochinfError(f"given: shape {given.shape}; {(rows, n_visible)} is needed")
    words = lane_streams(streams.seed("lanes"), max(n_visible, n_hidden))
    if position is None:
        fields = np.repeat(target.base[None].astype(float), rows, axis=0)
        start = np.asarray(target.visible.sample(fields, streams.generator()), dtype=np.float32)
    else:
        start = np.array(position, dtype=np.float32).reshape(rows, n_visible)
    held = given.copy() if given.size else np.empty((0, n_visible), np.float32)
    if given.size:
        start = np.where(np.isnan(held), start, held)
    field = start @ target.weights + target.hidden_bias
    tilt = start.astype(float) @ (target.visible_bias.astype(float) - target.base)
    return ChainState(
        start, field, np.zeros((rows, n_hidden), np.float32), held, np.full(rows, beta), rungs.copy(), tilt, np.zeros(rows),
        np.zeros((2, rows)), np.zeros((2, rows)), np.zeros(1, np.int64), words, np.zeros(n_visible, np.int32),
        np.zeros(1),
    )  # fmt: skip


@helper()
def log_ratio(target: Any, state: Any, row: int, first: float, second: float) -> float:
    """Return log p*(v) of a row at one inverse temperature less that at another."""
    hidden = target.hidden.rise(state.field[row], first, second)
    return hidden + (second - first) * state.tilt[row]  # type: ignore[no-any-return]


@helper()
def cool(target: Any, state: Any, rate: float) -> None:
    """Bring every row to its inverse temperature, and weigh it."""
    total = 0.0
    for row in range(state.beta.size):
        beta = rate * state.rung[row]
        if beta != state.beta[row]:
            state.log_weight[row] += log_ratio(target, state, row, state.beta[row], beta)
            state.beta[row] = beta
        total += state.log_weight[row]
    state.stats[0] = total / state.beta.size


@helper()
def move(target: Any, state: Any) -> None:
    """Draw hidden units, then visible units, at each row's inverse temperature, and the fields that follow."""
    for row in range(state.beta.size):
        scale(state.field[row], np.float32(state.beta[row]), state.sample[row])
    target.hidden.place(state.sample, state.words)
    multiply(state.sample, False, target.weights, True, state.position, np.float32(0.0))
    for row in range(state.beta.size):
        mix(state.position[row], target.visible_bias, target.base, np.float32(state.beta[row]))
    target.visible.place(state.position, state.words)
    for row in range(state.given.shape[0]):
        hold(state.position[row], state.given[row])
    project(state.position, target.weights, state.field, state.places)
    for row in range(state.beta.size):
        state.tilt[row] = settle(state.position[row], target.visible_bias, target.base, state.field[row], target.hidden_bias)


@helper(reorder=True)
def scale(row: Singles, factor: Any, out: Singles) -> None:
    """Write the row times a factor."""
    for j in range(row.size):
        out[j] = row[j] * factor


@helper(reorder=True)
def mix(row: Singles, bias: Singles, base: Singles, beta: Any) -> None:
    """Turn what hidden units add up to into fields of the visible ones."""
    for j in range(row.size):
        row[j] = beta * (row[j] + bias[j]) + (np.float32(1.0) - beta) * base[j]


@helper()
def hold(row: Singles, given: Singles) -> None:
    """Put units back to what they are held at."""
    for j in range(row.size):
        if not np.isnan(given[j]):
            row[j] = given[j]


@helper(reorder=True)
def settle(visible: Singles, bias: Singles, base: Singles, field: Singles, hidden_bias: Singles) -> float:
    """Add the hidden biases to a row of fields; return (b - a)'v."""
    for j in range(field.size):
        field[j] += hidden_bias[j]
    tilt = np.float32(0.0)
    for j in range(visible.size):
        tilt += visible[j] * np.float32(bias[j] - base[j])
    return np.float64(tilt)


@helper()
def compare(target: Any, state: Any, ladder: Floats) -> None:
    """Weigh every row at the rungs beside its own."""
    rungs = ladder.size
    for row in range(state.beta.size):
        rung = row % rungs
        if rung + 1 < rungs:
            state.ratio[0, row] = log_ratio(target, state, row, state.beta[row], state.beta[row + 1])
        if rung > 0:
            state.ratio[1, row] = log_ratio(target, state, row, state.beta[row], state.beta[row - 1])


@helper()
def swap_rows(state: Any, row: int) -> None:
    """Let a row and the next one change places."""
    swap(state.position[row], state.position[row + 1])
    swap(state.field[row], state.field[row + 1])
    kept = state.tilt[row]
    state.tilt[row] = state.tilt[row + 1]
    state.tilt[row + 1] = kept


@helper()
def swap(first: Any, second: Any) -> None:
    """Exchange two arrays' values."""
    for i in range(first.size):
        kept = first[i]
        first[i] = second[i]
        second[i] = kept
