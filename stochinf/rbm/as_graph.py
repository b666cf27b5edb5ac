"""A machine of units with states as a factor graph over visible and hidden units."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.rbm.machine import Machine

__all__ = ["factor_graph"]

Floats = npt.NDArray[np.float64]


def factor_graph(machine: Machine) -> FactorGraph:
    """Return the factor graph of the joint distribution: a table for each bias and for each pair of units.

    Parameters
    ----------
    machine : Machine

    Raises
    ------
    StochinfError
        If a layer's states cannot be listed.
    """
    (v, v_states), (h, h_states) = (_states(part.units) for part in (machine.visible, machine.hidden))
    weights, b, c = (np.asarray(array, dtype=np.float64) for array in machine[:3])
    n, m = b.size // v.shape[1], c.size // h.shape[1]
    blocks = weights.reshape(n, v.shape[1], m, h.shape[1])
    pairs = np.einsum("sa,iajb,tb->ijst", v, blocks, h).reshape(n * m, len(v), len(h))
    own = b.reshape(n, -1) @ v.T, c.reshape(m, -1) @ h.T
    ends = np.stack([np.repeat(np.arange(n), m), n + np.tile(np.arange(m), n)], axis=1)
    used = np.flatnonzero(np.abs(pairs).max(axis=(1, 2)) > 0)
    scopes: list[Any] = [(i,) for i in range(n + m)] + [tuple(pair) for pair in ends[used].tolist()]
    names: list[Any] = [("v", i) for i in range(n)] + [("h", j) for j in range(m)]
    return FactorGraph.from_log_tables(
        [len(v)] * n + [len(h)] * m,
        [tuple(names[k] for k in scope) for scope in scopes],
        [*own[0], *own[1], *pairs[used]],
        names,
        [v_states] * n + [h_states] * m,
    )


def _states(units: Any) -> tuple[Floats, list[int]]:
    """Return the columns of each state of one unit, and its labels."""
    states = units.states(getattr(units, "n_states", 1))
    if states is None:
        raise StochinfError(f"to_factor_graph: {type(units).__name__} units have no list of states")
    labels = [int(value) for value in states[:, 0]] if states.shape[1] == 1 else list(range(len(states)))
    order = np.arange(len(states)) if states.shape[1] == 1 else np.argsort(states.argmax(axis=1))
    return states[order], labels
