"""Collect the sums of conditionals of a graph sampler, by batch of sweeps and by lane.

Batches have equal length; when all are full, neighbours are joined and the length doubles, so that a run of any length ends
with batches enough for error bars, decided by the number of sweeps alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.lane_statistics import LaneStatistics, lane_statistics
from stochinf.engine.memory import demand
from stochinf.engine.parts import part
from stochinf.engine.stop import Convergence

__all__ = ["RaoBlackwell", "snapshots"]

FIRST_LENGTH = 16
"""Sweeps per batch to begin with."""

COLLECT_EVERY = 64
"""Sweeps after which float32 sums are added to float64 totals."""

NO_TOTALS = np.empty((0, 0, 0))
NO_SQUARES = np.empty((0, 0))
NO_CLOCK = np.zeros(4, np.int64)


@part
class RaoBlackwell(NamedTuple):
    """Totals of conditionals.

    Attributes
    ----------
    totals : float64 (batches, slots, lanes)
        Sums of conditionals less `state.shift`.
    squares : float64 (slots, lanes)
    lengths : int64 (batches,)
        Sweeps in each batch.
    clock : int64 (4,)
        Batch being filled, length of a full batch, sweeps since the sums were last collected, sweeps in all.

    Examples
    --------
    >>> import stochinf as si
    >>> graph = si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]])
    >>> run = si.run(si.graphs.Gibbs(sums=True), graph, 200, 2, chains=8, observer=si.graphs.RaoBlackwell(), rng=0)
    >>> run.n_steps
    200
    """

    totals: npt.NDArray[np.float64] = NO_TOTALS
    squares: npt.NDArray[np.float64] = NO_SQUARES
    lengths: npt.NDArray[np.int64] = NO_CLOCK
    clock: npt.NDArray[np.int64] = NO_CLOCK

    def prepare(self, kernel: Any, target: Any, state: Any, capacity: int) -> RaoBlackwell:
        """Allocate the totals: 4 batches where there are lanes enough for error bars, 16 where there are few."""
        slots, lanes = state.sums.shape
        batches = 4 if lanes >= 8 else 16
        demand(8 * (batches + 1) * slots * lanes, f"sums of {slots} conditionals in {lanes} chains")
        clock = np.array([0, FIRST_LENGTH, 0, 0])
        return RaoBlackwell(np.zeros((batches, slots, lanes)), np.zeros((slots, lanes)), np.zeros(batches, np.int64), clock)

    def observe(self, target: Any, state: Any) -> None:
        """Note a sweep; collect, and join batches, where it is time."""
        batch = self.clock[0]
        self.clock[2] += 1
        self.clock[3] += 1
        full = self.lengths[batch] + self.clock[2] >= self.clock[1]
        if full or self.clock[2] >= COLLECT_EVERY:
            self.collect_into(state, batch)
        if full:
            self.clock[0] += 1
            if self.clock[0] == self.lengths.size:
                self.join()

    def collect_into(self, state: Any, batch: int) -> None:
        """Move the float32 sums into a batch."""
        for i in range(state.sums.shape[0]):
            for l in range(state.sums.shape[1]):
                self.totals[batch, i, l] += state.sums[i, l]
                self.squares[i, l] += state.squares[i, l]
                state.sums[i, l] = np.float32(0.0)
                state.squares[i, l] = np.float32(0.0)
        self.lengths[batch] += self.clock[2]
        self.clock[2] = 0

    def join(self) -> None:
        """Join batches two by two; the next ones will be twice as long."""
        half = self.lengths.size // 2
        for b in range(self.lengths.size):
            for i in range(self.totals.shape[1]):
                for l in range(self.totals.shape[2]):
                    if b < half:
                        self.totals[b, i, l] = self.totals[2 * b, i, l] + self.totals[2 * b + 1, i, l]
                    else:
                        self.totals[b, i, l] = 0.0
            self.lengths[b] = self.lengths[2 * b] + self.lengths[2 * b + 1] if b < half else 0
        self.clock[0] = half
        self.clock[1] *= 2

    def snapshot(self, state: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return totals, squares and lengths with what has not been collected yet."""
        totals, squares, lengths = self.totals.copy(), self.squares + state.squares, self.lengths.copy()
        batch = int(self.clock[0])
        totals[batch] += state.sums
        lengths[batch] += self.clock[2]
        return totals, squares, lengths

    def statistics(self, blocks: list[Any]) -> LaneStatistics:
        """Return mean, MCSE, R-hat and ESS of every slot over the lanes of all blocks."""
        pieces = snapshots(blocks)
        totals = np.concatenate(
            [p[0] + p[2][:, None, None] * _offset(b, blocks[0]) for p, b in zip(pieces, blocks, strict=True)], axis=2
        )
        squares = np.concatenate([_squares(p, b, blocks[0]) for p, b in zip(pieces, blocks, strict=True)], axis=1)
        plain = lane_statistics(totals, squares, pieces[0][2])
        return plain._replace(mean=plain.mean + blocks[0].state.shift)

    def convergence(self, blocks: list[Any]) -> Convergence:
        """Return the worst figures over the slots; constant conditionals have none."""
        figures = self.statistics(blocks)
        rhat = figures.rhat[~np.isnan(figures.rhat)]
        ess = figures.ess[figures.mcse > 0]
        return Convergence(rhat.max(initial=1.0), ess.min(initial=np.inf), figures.mcse.max(initial=0.0))


def snapshots(blocks: list[Any]) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]]:
    """Return every block's totals, squares and lengths, all by the batches of the first: a last block of few lanes has more."""
    lengths = blocks[0].observer.snapshot(blocks[0].state)[2]
    aligned = []
    for block in blocks:
        totals, squares, own = block.observer.snapshot(block.state)
        joined = np.zeros((lengths.size, *totals.shape[1:]))
        np.add.at(joined, np.searchsorted(np.cumsum(lengths), np.cumsum(own)[own > 0]), totals[own > 0])
        aligned.append((joined, squares, lengths))
    return aligned


def _offset(block: Any, first: Any) -> Any:
    """Return how much further a block's conditionals were shifted than the first block's."""
    return (block.state.shift.astype(np.float64) - first.state.shift)[:, None]


def _squares(piece: Any, block: Any, first: Any) -> npt.NDArray[np.float64]:
    """Return the squares as if a block had been shifted like the first."""
    offset = _offset(block, first)
    totals, squares, lengths = piece
    return squares + 2.0 * offset * totals.sum(axis=0) + lengths.sum() * offset**2  # type: ignore[no-any-return]
