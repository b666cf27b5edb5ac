"""Annealing, tabu search and descent of spins: what Python does around the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.session import Session
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.search.budget import Budget, session_of
from stochinf.graphs.search.cooling import anneal_repeatedly
from stochinf.graphs.search.found import Found, found
from stochinf.graphs.search.spin_annealing import SpinAnnealing
from stochinf.graphs.search.spin_descent import SpinDescent
from stochinf.graphs.search.spin_energy import SpinEnergy, gains, spin_energy
from stochinf.graphs.search.spin_tabu import SpinTabu
from stochinf.graphs.search.temperatures import Range, solve_range

__all__ = ["anneal_spins", "best_of", "descend_spins", "spin_range", "tabu_spins"]

FIRST = 100
"""Steps that are done even where time is up."""

PROBES = 4
"""Random states, and local minima, from which temperatures are computed."""


def spin_range(target: SpinEnergy, entropy: int) -> Range:
    """Return the range of inverse temperatures of a spin model; see `stochinf.graphs.search.temperatures`."""
    generator = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(100,)))
    hot, cold = [], []
    for _ in range(PROBES):
        spins = 2 * generator.integers(0, 2, target.n_points) - 1
        hot.append(gains(target, spins)[0] * target.unit)
        session = session_of(SpinDescent(), target, entropy, start=(spins + 1) // 2)
        Budget(None, 1).advance(session, 50)
        cold.append(gains(target, session.blocks[0].state.best.astype(np.int64))[0] * target.unit)
    return solve_range(np.concatenate(hot), np.concatenate(cold), PROBES * target.n_points)


def anneal_spins(graph: FactorGraph, budget: Budget, entropy: int, chains: int, restarts: int, start: Any = None) -> Found:
    """Anneal a spin model in some chains."""
    target = spin_energy(graph)
    span = spin_range(target, entropy)
    session = session_of(SpinAnnealing(), target, entropy, chains, start=start)
    lengths = anneal_repeatedly(session, span, budget, restarts)
    return best_of(
        graph,
        session,
        f"annealing of spins, {chains} chain{'s' * (chains > 1)}, {len(lengths)} anneals of {min(lengths)} to {max(lengths)} "
        f"sweeps, inverse temperature {span.hot:.3g} to {span.cold:.3g}",
    )


def tabu_spins(graph: FactorGraph, budget: Budget, entropy: int, chains: int, patience: int, start: Any = None) -> Found:
    """Search a spin model by tabu search in some chains."""
    target = spin_energy(graph)
    session = session_of(SpinTabu(patience), target, entropy, chains, start=start)
    advance(session, budget)
    moves = session.total * chains
    return best_of(graph, session, f"tabu search of spins, {chains} chain{'s' * (chains > 1)}, {moves} moves")


def descend_spins(graph: FactorGraph, budget: Budget, entropy: int, chains: int) -> Found:
    """Descend from many random states of a spin model."""
    target = spin_energy(graph)
    session = session_of(SpinDescent(), target, entropy, chains)
    advance(session, budget)
    starts = sum(int(block.state.clock[0]) + 1 for block in session.blocks)
    return best_of(graph, session, f"iterated conditional modes from {starts} random states of spins")


def advance(session: Session, budget: Budget) -> None:
    """Advance by the sweeps of a budget, or until its time is up; a first stretch is done whole."""
    if budget.sweeps is not None:
        budget.advance(session, budget.sweeps)
    else:
        budget.advance(session, FIRST, whole=True)
    while budget.sweeps is None and budget.left > 0:
        budget.advance(session, 2**40)


def best_of(graph: FactorGraph, session: Session, reason: str) -> Found:
    """Return the best position that any chain remembers."""
    rows: list[npt.NDArray[Any]] = [(block.state.best.astype(np.int32) + 1) // 2 for block in session.blocks]
    return found(graph, np.stack(rows), reason)
