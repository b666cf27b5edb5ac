"""Configurations of positive probability for chains to start from."""

from __future__ import annotations

from typing import Any

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.engine.streams import entropy_of
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import Int32s
from stochinf.graphs.zeros.contradiction import blame
from stochinf.graphs.zeros.narrowing import CONTRADICTION, NODES, SOLVED, STATUS, searched
from stochinf.graphs.zeros.problem import evidence_domain, root
from stochinf.graphs.zeros.supports import Bytes, Supports

__all__ = ["feasible_states"]

MOST_NODES = 2_000_000
"""Nodes of the search for one chain, and ten times as many for all."""


def feasible_states(graph: FactorGraph, clamped: Int32s | None, n: int, rng: Any) -> Int32s:
    """Return configurations of positive probability, far apart, one for each chain.

    States are narrowed by constraint propagation; then a search of its own for each chain decides variables in random
    states (`stochinf.graphs.zeros.narrowing`). Variables that no factor with zeros touches are drawn uniformly.

    Parameters
    ----------
    graph : FactorGraph
    clamped : int32 (V,) or None
        State index of evidence variables, -1 for free ones.
    n : int
        Number of chains. Where searching is long, chains share starts, and differ where nothing constrains them.
    rng : int, SeedSequence, Generator or None

    Returns
    -------
    int32 (V, n)

    Raises
    ------
    GraphError
        If there is none, naming a small set of factors that contradict each other; or if the search found neither a
        configuration nor a proof.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.feasible import feasible_states
    >>> xor = si.FactorGraph([2, 2, 2], [(0, 1, 2)], [[1, 0, 0, 1, 0, 1, 1, 0]])
    >>> (feasible_states(xor, None, 5, rng=0).sum(axis=0) % 2).tolist()
    [0, 0, 0, 0, 0]
    >>> feasible_states(si.FactorGraph([2, 2], [(0, 1), (0, 1)], [[1, 0, 0, 1], [0, 1, 1, 0]]), None, 1, rng=0)
    Traceback (most recent call last):
    ...
    stochinf.engine.errors.GraphError: no configuration has positive probability: factor 0 over (0, 1), factor 1 over (0, 1) \
contradict each other; change a table so that one of them allows more
    """
    evidence = np.full(graph.n_variables, -1, np.int32) if clamped is None else clamped
    entropy = entropy_of(rng)
    generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy, spawn_key=(8,))))
    states = (generator.random((graph.n_variables, n)) * graph.n_states[:, None]).astype(np.int32)
    states = np.where(evidence[:, None] >= 0, evidence[:, None], states).astype(np.int32)
    if not graph.positive:
        supports, domain = root(graph, evidence)
        states[supports.variables] = _searches(graph, evidence, supports, domain, n, entropy)
    return states


def _searches(graph: FactorGraph, clamped: Int32s, supports: Supports, domain: Bytes, n: int, entropy: int) -> Int32s:
    """Return a configuration (variables, n) for each chain."""
    found: list[Int32s] = []
    spent = 0
    while len(found) < n and (spent < 10 * MOST_NODES or not found):
        seed = np.random.SeedSequence(entropy, spawn_key=(9, len(found)))
        state = searched(supports, domain, MOST_NODES, seed)
        spent += int(state.progress[NODES])
        if state.progress[STATUS] == CONTRADICTION:
            raise blame(graph, clamped, supports, evidence_domain(supports, clamped), state)
        if state.progress[STATUS] == SOLVED:
            found.append(state.position)
        elif found:
            break
        else:
            worst = graph.title(int(supports.factors[int(np.argmax(state.weight))]))
            raise GraphError(
                f"no configuration of positive probability was found in a search of {spent} nodes, and no proof that there "
                f"is none; {worst} failed most often; give a starting configuration (init), or looser tables"
            )
    chosen = np.arange(n) % len(found)
    return np.stack(found, axis=1)[:, chosen]
