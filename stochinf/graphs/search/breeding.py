"""Anneal in lanes, improve the best, cross them with the best so far, again and again: the search for spin models of any density.

Sixty-four anneals side by side cost what ten cost one after the other, and their best are better and more different than what one
long anneal finds. What crosses is improved by tabu search, or where spins have few neighbours by exact minimisation over blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from stochinf.engine.session import Session
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.metropolis import Metropolis
from stochinf.graphs.search.budget import Budget, session_of
from stochinf.graphs.search.cooling import cool
from stochinf.graphs.search.found import Found, found
from stochinf.graphs.search.spin_blocks import SpinBlocks
from stochinf.graphs.search.spin_crossing import SpinCrossing
from stochinf.graphs.search.spin_energy import SpinEnergy, gains, spin_energy
from stochinf.graphs.search.spin_searches import spin_range
from stochinf.graphs.search.spin_tabu import SpinTabu

__all__ = ["breed_spins", "is_sparse"]

LARGEST = 2**22
"""What field and couplings of a spin may add up to, so that tables of a front stay within 32 bits."""

SPARSE = 6.0
"""Neighbours of a spin on average up to which blocks with a small front hold most spins."""

POOL = 16
BLOCKS = 40
MOVES = 10
"""Tabu moves a spin."""

LANES = 64
FEW = 8
"""Anneals side by side, and how many of the best of them are improved, or as many as annealing leaves time for."""

SWEEPS = 100
LONGER = 2.0
LONGEST = 20_000
SHARE = 1 / 10
"""The first anneal has 100 sweeps, each twice those of the one before, to 20,000, or to a tenth of the time."""

WIDTH = 8
TABLES = 2**26
"""Spins of a front at most, and bytes that the tables of a block may take."""


def is_sparse(target: SpinEnergy) -> bool:
    """Whether a spin has few neighbours on average."""
    return bool(target.neighbours.size <= SPARSE * target.n_points)


def breed_spins(graph: FactorGraph, budget: Budget, entropy: int, chains: int) -> Found:
    """Search a spin model; `budget.sweeps` is a number of rounds."""
    target = spin_energy(graph, LARGEST)
    span = spin_range(target, entropy)
    anneal = session_of(Metropolis(laziness=0.0), graph.as_target(), entropy, LANES * chains)
    cross = session_of(SpinCrossing(POOL), target, entropy, chains)
    improve, steps, how = improver(target, entropy, chains)
    pool: dict[bytes, int] = {}
    rounds, sweeps = 0, SWEEPS
    while not rounds or (budget.left > 0 and (budget.sweeps is None or rounds < budget.sweeps)):
        took = cool(anneal, span, budget, sweeps, target.n_points)
        began = budget.spent
        for spins in zip(*(best_lanes(target, block.state.position, FEW) for block in anneal.blocks), strict=True):
            for row, block in zip(spins, improve.blocks, strict=True):
                put(target, block, row)
            breed(target, improve, cross, pool, budget, steps)
            if budget.sweeps is None and budget.spent - began > took:
                break
        rounds, sweeps = rounds + 1, next_length(sweeps, took, budget)
    rows = np.stack([np.frombuffer(row, np.int8) for row in pool])
    return found(
        graph,
        (rows.astype(np.int32) + 1) // 2,
        f"{how} after annealing, then crossing with the best: {rounds} rounds, {chains} chain{'s' * (chains > 1)}",
    )


def breed(target: SpinEnergy, improve: Session, cross: Session, pool: dict[bytes, int], budget: Budget, steps: int) -> None:
    """Improve what stands in the chains, cross it with the pool, improve again; the pool keeps the best."""
    budget.advance(improve, steps)
    keep(pool, improve)
    hand_over(target, improve, cross)
    for block in cross.blocks:
        block.state.pool[: len(pool)] = [np.frombuffer(row, np.int8) for row in pool]
    budget.advance(cross, 2 * POOL)
    hand_over(target, cross, improve)
    budget.advance(improve, steps // 2)
    keep(pool, improve)


def best_lanes(target: SpinEnergy, position: npt.NDArray[Any], few: int) -> npt.NDArray[np.int8]:
    """Return the spins (few, V) of the lanes of lowest energy, the lowest first, of state indices or spins (V, lanes)."""
    spins: npt.NDArray[np.float64] = np.where(position > 0, 1.0, -1.0)
    couplings = sp.csr_array((target.coupling / 4.0, target.neighbours, target.start))
    pull = target.field[:, np.newaxis] + 0.5 * (couplings @ spins)
    energy = -np.einsum("vl,vl->l", spins, pull)
    rows: npt.NDArray[np.int8] = spins[:, np.argsort(energy, kind="stable")[:few]].T.astype(np.int8)
    return rows


def improver(target: SpinEnergy, entropy: int, chains: int) -> tuple[Session, int, str]:
    """Return what improves annealed spins, how many steps of it, and why that."""
    density = f"a spin has {target.neighbours.size / target.n_points:.1f} neighbours"
    if not is_sparse(target):
        session = session_of(SpinTabu(), target, entropy, chains)
        return session, MOVES * target.n_points, f"{density}: tabu search"
    width = max(2, min(WIDTH, int(np.log2(max(4, TABLES / target.n_points)))))
    session = session_of(SpinBlocks(width, 2**40), target, entropy, chains)
    return session, BLOCKS, f"{density}: exact minimisation over blocks"


def next_length(sweeps: int, took: float, budget: Budget) -> int:
    """Return the sweeps of the next anneal."""
    longer = min(LONGEST, int(LONGER * sweeps))
    if budget.sweeps is not None:
        return longer
    return max(SWEEPS, min(longer, int(SHARE * (budget.end - budget.began) / max(took, 1e-9) * sweeps)))


def hand_over(target: SpinEnergy, before: Session, after: Session) -> None:
    """Put each chain of a session at the best of the same chain of another."""
    for source, block in zip(before.blocks, after.blocks, strict=True):
        put(target, block, source.state.best)


def put(target: SpinEnergy, block: Any, spins: npt.NDArray[np.int8]) -> None:
    """Let a chain stand at these spins, which are the best it knows."""
    state = block.state
    state.position[:] = spins
    state.gain[:], state.energy[0] = gains(target, state.position.astype(np.int64))
    state.clock[1:3] = state.clock[0], state.energy[0]
    state.energy[1] = state.energy[0]
    state.best[:] = state.position
    state.journalled[0] = 0


def keep(pool: dict[bytes, int], session: Session) -> None:
    """Add the best of each chain to a pool of different solutions, the lowest `POOL` of which stay."""
    for block in session.blocks:
        pool[block.state.best.tobytes()] = int(block.state.energy[1])
    for row in sorted(pool, key=lambda row: pool[row])[POOL:]:
        del pool[row]
