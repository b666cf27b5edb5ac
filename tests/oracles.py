"""Exact answers by plain enumeration, for models of at most 2^18 states; and stored references."""

from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stochinf.graphs.factor_graph import FactorGraph

Floats = npt.NDArray[np.float64]

MOST_STATES = 2**18
DATA = Path(__file__).parent / "data"


def enumerate_states(graph: FactorGraph) -> npt.NDArray[np.int64]:
    """All configurations (n, V), the last variable fastest; entries are positions in ``graph.states[v]``."""
    shape = tuple(graph.n_states.tolist())
    if np.prod([float(k) for k in shape]) > MOST_STATES:
        raise ValueError(f"{graph} has more than {MOST_STATES} configurations")
    return np.indices(shape).reshape(len(shape), -1).T


def log_scores(graph: FactorGraph, states: npt.NDArray[np.integer]) -> Floats:
    """Unnormalised log probabilities of configurations (n, V), factor by factor."""
    flat = graph.flat
    total = np.zeros(len(states))
    for f in range(graph.n_factors):
        scope = flat.scope[flat.scope_start[f] : flat.scope_start[f + 1]]
        table = flat.log_weights[flat.table_start[f] : flat.table_start[f + 1]].reshape(graph.n_states[scope])
        total += table[tuple(states[:, v] for v in scope)]
    return total


def _clamped(graph: FactorGraph, evidence: Mapping[Hashable, Hashable] | None) -> tuple[npt.NDArray[np.int64], Floats]:
    states = enumerate_states(graph)
    scores = log_scores(graph, states)
    for node, label in (evidence or {}).items():
        scores[states[:, graph.variables.index(node)] != graph.states[node].index(label)] = -np.inf
    return states, scores


def log_partition(graph: FactorGraph, evidence: Mapping[Hashable, Hashable] | None = None) -> float:
    """Return ln of the sum of the scores of all configurations that agree with the evidence."""
    return float(np.logaddexp.reduce(_clamped(graph, evidence)[1]))


def joint(graph: FactorGraph, evidence: Mapping[Hashable, Hashable] | None = None) -> Floats:
    """Probabilities (n,) of `enumerate_states`, given the evidence."""
    scores = _clamped(graph, evidence)[1]
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def exact_marginals(graph: FactorGraph, evidence: Mapping[Hashable, Hashable] | None = None) -> dict[Hashable, Floats]:
    """Probabilities of each variable's states, given the evidence."""
    states, probabilities = enumerate_states(graph), joint(graph, evidence)
    return {
        node: np.bincount(states[:, i], weights=probabilities, minlength=int(graph.n_states[i]))
        for i, node in enumerate(graph.variables)
    }


def read_mar(path: str | Path) -> list[Floats]:
    """Marginals stored in a UAI MAR file."""
    words = Path(path).read_text().split()
    if words[0] != "MAR":
        raise ValueError(f"{path} is no MAR file")
    marginals, position = [], 2
    for _ in range(int(words[1])):
        stop = position + 1 + int(words[position])
        marginals.append(np.array(words[position + 1 : stop], dtype=float))
        position = stop
    return marginals


def random_graph(seed: int, n_variables: int = 6, n_factors: int = 8, most_states: int = 4, zeros: float = 0.0) -> FactorGraph:
    """A random model of unequal cardinalities, arities 1 to 3, weights exp(normal), a share ``zeros`` of them 0."""
    rng = np.random.default_rng(seed)
    n_states = rng.integers(1, most_states + 1, n_variables)
    names = [f"v{i}" for i in range(n_variables)]
    scopes, tables = [], []
    for _ in range(n_factors):
        scope = rng.permutation(n_variables)[: rng.integers(1, min(3, n_variables) + 1)]
        table = np.exp(rng.standard_normal(n_states[scope])) * (rng.random(n_states[scope]) >= zeros)
        table.flat[0] = 1.0
        scopes.append(tuple(names[v] for v in scope))
        tables.append(table)
    return FactorGraph(n_states, scopes, tables, names=names)
