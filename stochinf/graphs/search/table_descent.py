"""Iterated conditional modes of any factor graph from many random states."""

from __future__ import annotations

from typing import Any

import numpy as np

from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.search.budget import Budget, session_of
from stochinf.graphs.search.found import Found, found
from stochinf.graphs.search.modes import IteratedModes
from stochinf.graphs.search.table_annealing import BestStates
from stochinf.graphs.targets import graph_target

__all__ = ["descend_tables"]

DESCENT = 16
"""Sweeps between two looks whether lanes still move."""

LONGEST = 50
"""Looks after which a descent is given up; each sweep adds to the score, so that all but the last few move much."""


def descend_tables(graph: FactorGraph, budget: Budget, entropy: int, chains: int) -> Found:
    """Descend from random states in lanes, again and again."""
    target: Any = graph_target(graph)
    generator = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(101,)))
    session = session_of(IteratedModes(), target, entropy, chains, observer=BestStates(target.log_tables), every=target.n_points)
    starts = 0
    while not starts or budget.left > 0:
        starts += chains
        _descend(session, budget)
        if budget.sweeps is not None and session.total >= budget.sweeps * target.n_points:
            break
        for block in session.blocks:
            shape = block.state.position.shape
            block.state.position[:] = (generator.random(shape) * target.cardinality[:, None]).astype(np.int32)
    best = np.concatenate([block.observer.best.T for block in session.blocks])
    return found(graph, best, f"iterated conditional modes in {chains} lanes from {starts} random states")


def _descend(session: Any, budget: Budget) -> None:
    """Sweep until no lane moves."""
    for _ in range(LONGEST):
        before = session.positions()
        budget.advance(session, DESCENT * session.blocks[0].target.n_points, whole=session.total == 0)
        if budget.left == 0 or (session.positions() == before).all():
            return
