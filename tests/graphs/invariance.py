"""Whether a kernel keeps the distribution: exact draws, a sweep or a few, a comparison with enumeration. For every graph kernel.

A chain that starts from an exact draw must end in an exact draw, whatever the kernel does in between; 10^5 independent starts
(one per lane) and a chi-square over all configurations find errors of about one per cent after a single sweep, where long runs
would hide them behind correlation. Use it so:

    from graphs.invariance import MODELS, SPIN_MODELS, invariant, p_value, sums_z

    @pytest.mark.fast
    @pytest.mark.parametrize("name", MODELS)                       # or SPIN_MODELS, POTTS_MODELS, POSITIVE_MODELS
    def test_a_sweep_keeps_the_distribution(name):
        assert invariant(name, MyKernel())                         # p > 1e-6
        assert sums_z(name, MyKernel(sums=True)) < 6               # Rao-Blackwell sums agree with the exact marginals

    def test_planted_bug():
        assert p_value("tables", MyKernel(), rate=0.9) < 1e-6      # a kernel with a bug must be caught

`picker=`, `rate=`, `sweeps=`, `starts=` and `target=` (made from the model by `target_of`, `graph_target` by default) can be
given. Kernels whose lanes are not independent (tempering swaps) take the pieces: `exact_starts(model, n, rng)` gives state
indices (n, V), `chi_square(model, states)` the p-value of states (n, V) against enumeration.
"""

from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import numpy.typing as npt
from oracles import enumerate_states, exact_marginals, joint, random_graph
from scipy.stats import chisquare

import stochinf as si
from stochinf.engine.block import Block, advance
from stochinf.engine.jit import JIT
from stochinf.engine.observers import Nothing
from stochinf.engine.pickers import epoch_length
from stochinf.engine.rates import prepared
from stochinf.engine.schedules import Constant
from stochinf.engine.session import begin_sampling, default_picker
from stochinf.engine.streams import Streams
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.lane_state import holds_spins
from stochinf.graphs.targets import graph_target

__all__ = [
    "MODELS", "POSITIVE_MODELS", "POTTS_MODELS", "SPIN_MODELS", "STARTS", "Model", "chi_square", "exact_starts", "invariant",
    "p_value", "sums_z", "swept",
]  # fmt: skip

STARTS = 100_000 if JIT else 300
LEAST_EXPECTED = 5.0
ACCEPTED = 1e-6


class Model(NamedTuple):
    """A graph small enough to enumerate, and what was observed."""

    graph: si.FactorGraph
    evidence: dict[Any, Any]


def spins(graph: nx.Graph, seed: int, scale: float = 0.6) -> si.FactorGraph:
    """Return spins on a networkx graph with random couplings and fields."""
    rng = np.random.default_rng(seed)
    nx.set_edge_attributes(graph, {edge: scale * rng.normal() for edge in graph.edges}, "J")
    nx.set_node_attributes(graph, {node: scale * rng.normal() for node in graph.nodes}, "h")
    return si.FactorGraph.from_networkx(graph)


def potts(graph: nx.Graph, q: int, seed: int) -> si.FactorGraph:
    """Return a Potts model: J_ij delta(x_i, x_j) on the edges, a field for every state of every node."""
    rng = np.random.default_rng(seed)
    nodes = list(graph.nodes)
    scopes: list[tuple[int, ...]] = [(i,) for i in range(len(nodes))]
    scopes += [(nodes.index(a), nodes.index(b)) for a, b in graph.edges]
    tables = [0.5 * rng.normal(size=q) for _ in nodes] + [0.8 * rng.normal() * np.eye(q) for _ in graph.edges]
    return si.FactorGraph.from_log_tables([q] * len(nodes), scopes, tables)


def observed(graph: si.FactorGraph, seed: int, count: int) -> dict[Any, Any]:
    """Return evidence on a few variables of at least two states, taken from a configuration of positive probability."""
    rng = np.random.default_rng(seed)
    row = enumerate_states(graph)[rng.choice(joint(graph).size, p=joint(graph))]
    chosen = rng.permutation(np.flatnonzero(graph.n_states > 1))[:count]
    return {graph.variables[i]: graph.labels(i)[row[i]] for i in chosen.tolist()}


_SPINS, _GRID = spins(nx.cycle_graph(5), 1), spins(nx.grid_2d_graph(3, 3), 2)
_POTTS, _ZEROS = potts(nx.grid_2d_graph(2, 3), 3, 3), random_graph(4, zeros=0.15)
_TABLES = random_graph(1)

MODELS: dict[str, Model] = {
    "spins": Model(_SPINS, {}),
    "spins with evidence": Model(spins(nx.complete_graph(6), 5), {1: 1, 4: -1}),
    "grid": Model(_GRID, {}),
    "potts": Model(_POTTS, {}),
    "potts with evidence": Model(_POTTS, {0: 2, 4: 1}),
    "tables": Model(_TABLES, {}),
    "tables with evidence": Model(random_graph(7), observed(random_graph(7), 7, 2)),
    "zeros and evidence": Model(_ZEROS, observed(_ZEROS, 3, 1)),
}
"""The eight models, by name: unequal cardinalities, evidence, zeros, spins with fields, a Potts model, a grid."""

SPIN_MODELS = [name for name in MODELS if name.startswith(("spins", "grid"))]
POTTS_MODELS = [name for name in MODELS if name.startswith("potts")]
POSITIVE_MODELS = [name for name in MODELS if "zeros" not in name]


def _model(model: str | Model) -> Model:
    return MODELS[model] if isinstance(model, str) else model


def exact_starts(model: str | Model, n: int, seed: int = 11) -> npt.NDArray[np.int64]:
    """Return state indices (n, V) drawn from the enumerated distribution, evidence included."""
    graph, evidence = _model(model)
    exact = joint(graph, evidence)
    return enumerate_states(graph)[np.random.default_rng(seed).choice(exact.size, n, p=exact)]


def chi_square(model: str | Model, states: npt.NDArray[np.integer]) -> float:
    """Return the p-value of state indices (n, V) under the enumerated distribution; 0 where an impossible one is seen."""
    graph, evidence = _model(model)
    exact, n = joint(graph, evidence), len(states)
    seen = np.bincount(np.ravel_multi_index(tuple(states.T), tuple(graph.n_states)), minlength=exact.size)
    if seen[exact == 0].any():
        return 0.0
    counts, expected = _pooled(seen, exact * n)
    return 1.0 if counts.size < 2 else float(chisquare(counts, expected).pvalue)


def _pooled(seen: npt.NDArray[Any], expected: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the cells with those of few expected starts joined, in order of their size, into cells of enough."""
    order = np.argsort(-expected, kind="stable")
    cell = np.floor(np.cumsum(np.minimum(expected[order], LEAST_EXPECTED)) / LEAST_EXPECTED - 1e-9).astype(int)
    cell = np.minimum(cell, max(0, int(expected.sum() / LEAST_EXPECTED) - 1))
    counts, wanted = np.bincount(cell, seen[order]), np.bincount(cell, expected[order])
    keep = wanted >= 1.0
    return counts[keep], wanted[keep] * (counts[keep].sum() / wanted[keep].sum())


def swept(
    model: str | Model, kernel: Any, *, target: Any = None, picker: Any = None, rate: float = 1.0, sweeps: int = 1,
    starts: int = STARTS,
) -> tuple[Any, Any]:  # fmt: skip
    """Return (target, state of the lanes) after some sweeps from exact draws; a sweep is as many steps as there are points."""
    graph, evidence = _model(model)
    target = graph_target(graph, check_evidence(graph, evidence)) if target is None else target
    kernel = prepared(kernel, target)
    begun = exact_starts(model, starts)
    streams = Streams(5, 0, starts)
    state = kernel.init(target, 2 * begun - 1 if getattr(target, "spin_labels", False) else begun, streams)
    picker = default_picker(kernel, target) if picker is None else picker
    wrapped = picker.wrap(kernel) if hasattr(picker, "wrap") else kernel
    picker = prepared(picker, target)
    if hasattr(kernel, "rate_field"):
        plain = kernel._replace(**{kernel.rate_field: np.nan})
        wrapped = wrapped._replace(kernel=plain) if wrapped is not kernel else plain
    block = Block(
        wrapped, target, picker, Constant(rate), Nothing(), state, streams.stream("picker"), streams.stream("kernel"), starts
    )
    begin_sampling(block)
    advance(block, round(sweeps * epoch_length(picker)))
    return target, state


def indices(position: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return state indices (lanes, V) of a position (V, lanes): spins -1 and +1, anything else as it is."""
    states = position.T
    return ((states + 1) / 2 if holds_spins(states) else states).astype(np.int64)


def p_value(model: str | Model, kernel: Any, **options: Any) -> float:
    """Return the p-value of the states after a sweep from exact draws; options as in `swept`."""
    return chi_square(model, indices(swept(model, kernel, **options)[1].position))


def invariant(model: str | Model, kernel: Any, **options: Any) -> bool:
    """Whether the distribution after a sweep is the one before."""
    return p_value(model, kernel, **options) > ACCEPTED


def sums_z(model: str | Model, kernel: Any, *, visits: float = 1.0, **options: Any) -> float:
    """Return how far the Rao-Blackwell sums are from the exact marginals: the largest |mean - exact| / standard error.

    `visits` is how often a variable's conditional has been added, 1 after one sweep of a scan.
    """
    graph, evidence = _model(model)
    target, state = swept(model, kernel, **options)
    exact, worst = exact_marginals(graph, evidence), 0.0
    sums = state.sums.astype(np.float64) / visits + state.shift[:, None]
    for i, node in enumerate(graph.variables):
        first, last = int(target.first_slot[i]), int(target.first_slot[i + 1])
        wanted = exact[node][1:] if last - first == 1 else exact[node]
        for slot, probability in zip(range(first, last), wanted, strict=False):
            error = sums[slot].std(ddof=1) / np.sqrt(sums.shape[1]) + 1e-6
            worst = max(worst, abs(sums[slot].mean() - probability) / error)
    return worst
