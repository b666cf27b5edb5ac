"""Small graphs with weights, and their likelihoods by listing every configuration."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.graphs import WeightedGraph
from stochinf.learning.observations import Observations

Floats = npt.NDArray[np.float64]

GRID = [(r * 3 + c, r * 3 + c + 1) for r in range(3) for c in range(2)] + [(v, v + 3) for v in range(6)]


def mixed(seed: int = 0) -> WeightedGraph:
    """Five variables of 2 to 3 states: tied weights, weights by entry, features, zeros, and one of the weights fixed."""
    rng = np.random.default_rng(seed)
    scopes = [(0,), (1,), (0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (1, 2, 3)]
    by_entry: Any = [["a", None, "b"], ["c", "d", "a"]]
    weights = ["h", "h", "J", by_entry, "K", "K", "J", "t"]
    sizes = [2, 3, 2, 2, 3]
    features = [rng.normal(size=[sizes[v] for v in scope]) for scope in scopes]
    tables = [np.exp(rng.normal(size=[sizes[v] for v in scope])) for scope in scopes]
    weights[3] = [list(row) for row in zip(*by_entry, strict=True)]
    tables[4][1, 0] = 0.0
    values = dict(zip("hJabcdKt", rng.normal(size=8).tolist(), strict=True))
    return WeightedGraph(sizes, scopes, weights, features, values=values, fixed=["d"], tables=tables)


def ising(edges: list[tuple[int, int]], n: int, fields: Any = "h", couplings: Any = "J", **values: float) -> WeightedGraph:
    """Spins with fields and couplings of given names."""
    h = [fields] * n if isinstance(fields, str) else list(fields)
    J = [couplings] * len(edges) if isinstance(couplings, str) else list(couplings)
    features = [[-1, 1]] * n + [[[1, -1], [-1, 1]]] * len(edges)
    scopes: list[tuple[int, ...]] = [(v,) for v in range(n)] + list(edges)
    return WeightedGraph([2] * n, scopes, h + J, features, values=values)


def configurations(graph: Any) -> npt.NDArray[np.int64]:
    """Every configuration, int64 (K, V)."""
    return np.array(list(itertools.product(*(range(k) for k in graph.n_states.tolist()))))


def scores(graph: Any, states: npt.NDArray[np.int64]) -> Floats:
    """The log score of each configuration, one by one."""
    labels = [list(graph.labels(v)) for v in range(graph.n_variables)]
    named = [{graph.variables[v]: labels[v][s] for v, s in enumerate(row)} for row in states.tolist()]
    return np.array([graph.log_score(row) for row in named])


def log_likelihood(graph: Any, observed: Observations) -> float:
    """Mean log probability of what was observed, given what is given; soft observations as cases."""
    states = configurations(graph)
    logs = scores(graph, states)
    total = 0.0
    for row, weight in zip(*cases(observed), strict=True):
        seen = ((row < 0) | (states == row)).all(axis=1)
        within = (~observed.given | (states == row)).all(axis=1)
        total += weight * (np.logaddexp.reduce(logs[seen]) - np.logaddexp.reduce(logs[within]))
    return float(total / observed.total)


def cases(observed: Observations) -> tuple[Any, Floats]:
    """Rows, with soft observations written out."""
    if not observed.soft:
        return observed.rows, observed.weights
    rows, weights = [], []
    for states in itertools.product(*(range(len(chances)) for chances in observed.soft.values())):
        row = observed.rows[0].copy()
        row[list(observed.soft)] = states
        rows.append(row)
        weights.append(np.prod([chances[s] for s, chances in zip(states, observed.soft.values(), strict=True)]))
    return np.array(rows), np.array(weights)


def log_pseudo_likelihood(graph: Any, rows: Any, explained: Any) -> float:
    """Sum over rows and variables of the log conditional probability of what was observed."""
    total = 0.0
    for row in rows:
        for v in explained:
            others = np.repeat(row[None, :], graph.n_states[v], axis=0)
            others[:, v] = np.arange(graph.n_states[v])
            logs = scores(graph, others)
            total += logs[row[v]] - np.logaddexp.reduce(logs)
    return float(total)


def slope(f: Any, x: Floats, step: float = 1e-5) -> Floats:
    """Central differences."""
    sides = [[f(x + sign * step * unit) for sign in (1.0, -1.0)] for unit in np.eye(x.size)]
    return np.array([(np.asarray(up) - np.asarray(down)) / (2.0 * step) for up, down in sides])


def drawn(graph: Any, n: int, seed: int) -> npt.NDArray[np.int32]:
    """Independent draws, by listing."""
    states = configurations(graph)
    logs = scores(graph, states)
    chances = np.exp(logs - logs.max())
    chosen = np.random.default_rng(seed).choice(len(states), n, p=chances / chances.sum())
    return states[chosen].astype(np.int32)
