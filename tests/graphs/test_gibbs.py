"""Gibbs sampling keeps the distribution: exact draws, a sweep, a comparison; the same harness catches planted bugs."""

from typing import Any, NamedTuple

import networkx as nx
import numpy as np
import numpy.typing as npt
import pytest
from oracles import enumerate_states, exact_marginals, joint, random_graph
from scipy.stats import chisquare

import stochinf as si
from stochinf.engine.block import Block, advance
from stochinf.engine.jit import JIT
from stochinf.engine.observers import Nothing
from stochinf.engine.parts import part
from stochinf.engine.pickers import Scan
from stochinf.engine.schedules import Constant
from stochinf.engine.streams import Streams
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.gibbs import Gibbs
from stochinf.graphs.lane_state import holds_spins
from stochinf.graphs.table_gibbs import choose, exponentiate, log_weights, table_state
from stochinf.graphs.targets import graph_target

STARTS = [100_000 if JIT else 300, pytest.param(1_000_000, marks=pytest.mark.slow)]
MANY = 1_000_000


def ring() -> si.FactorGraph:
    """Five spins with fields and unequal couplings."""
    graph = nx.cycle_graph(5)
    for k, (i, j) in enumerate(graph.edges):
        graph.edges[i, j]["J"] = 0.3 * (k - 1.7)
    nx.set_node_attributes(graph, {0: 0.4, 1: -0.7, 3: 0.2}, "h")
    return si.FactorGraph.from_networkx(graph)


def swept(
    graph: si.FactorGraph, target: Any, kernel: Any, evidence: Any = None, rate: float = 1.0, sweeps: int = 1, starts: int = MANY
) -> float:
    """Return the p-value of a sweep from exact draws, by chi-square over all configurations."""
    states, exact = enumerate_states(graph), joint(graph, evidence)
    rng = np.random.default_rng(11)
    begun = states[rng.choice(len(exact), starts, p=exact)]
    spins = getattr(target, "spin_labels", False)
    kernel = kernel.prepare(target) if hasattr(kernel, "prepare") else kernel
    streams = Streams(5, 0, starts)
    state = kernel.init(target, 2 * begun - 1 if spins else begun, streams)
    if hasattr(kernel, "begin_sampling"):
        kernel.begin_sampling(target, state)
    block = Block(
        kernel._replace(inverse_temperature=np.nan), target, Scan(target.n_points), Constant(rate), Nothing(), state,
        streams.stream("picker"), streams.stream("kernel"), starts,
    )  # fmt: skip
    advance(block, sweeps * target.n_points)
    ended = state.position.T
    indices = ((ended + 1) / 2 if holds_spins(ended) else ended).astype(np.int64)
    seen = np.bincount(np.ravel_multi_index(indices.T, graph.n_states), minlength=len(exact))
    common = exact * starts >= 5
    observed = np.append(seen[common], seen[~common].sum())
    expected = np.append(exact[common], exact[~common].sum()) * starts
    keep = expected > 0
    if observed[~keep].sum():
        return 0.0
    return float(chisquare(observed[keep], expected[keep]).pvalue)


CASES = [
    pytest.param(ring(), None, id="spins"),
    pytest.param(ring(), {1: 1}, id="spins with evidence"),
    pytest.param(random_graph(1), None, id="tables"),
    pytest.param(random_graph(2), None, id="other tables"),
    pytest.param(random_graph(4, zeros=0.1), None, id="tables with zeros"),
    pytest.param(si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 3], [9, 1, 1, 9]]), None, id="two variables"),
]


@pytest.mark.fast
@pytest.mark.parametrize("sums", [False, True], ids=["plain", "sums"])
@pytest.mark.parametrize(("graph", "evidence"), CASES)
@pytest.mark.parametrize("starts", STARTS)
def test_a_sweep_keeps_the_distribution(starts: int, graph: si.FactorGraph, evidence: Any, sums: bool) -> None:
    target = graph_target(graph, check_evidence(graph, evidence))
    assert swept(graph, target, Gibbs(sums=sums), evidence, starts=starts) > 1e-6


@pytest.mark.fast
@pytest.mark.parametrize("starts", STARTS)
def test_tables_with_evidence_keep_the_distribution(starts: int) -> None:
    graph = random_graph(1)
    wide = int(np.argmax(graph.n_states))
    evidence = {graph.variables[wide]: graph.labels(wide)[1]}
    target = graph_target(graph, check_evidence(graph, evidence))
    assert swept(graph, target, Gibbs(), evidence, sweeps=2, starts=starts) > 1e-6


@pytest.mark.skipif(not JIT, reason="power needs many starts")
class TestPlantedBugsAreCaught:
    """Each of these was once written by somebody."""

    @pytest.mark.parametrize("graph", [ring(), random_graph(1)], ids=["spins", "tables"])
    def test_temperature(self, graph: si.FactorGraph) -> None:
        assert swept(graph, graph_target(graph), Gibbs(), rate=0.98) < 1e-6

    def test_transposed_table(self) -> None:
        graph = si.FactorGraph([2, 3, 2], [(0, 1), (1, 2)], [[1, 2, 3, 4, 5, 6], [5, 1, 2, 2, 1, 3]])
        target = graph_target(graph)
        tables = target.log_tables.copy()
        tables[:6] = tables[:6].reshape(3, 2).T.ravel()
        assert swept(graph, target._replace(log_tables=tables), Gibbs()) < 1e-6

    def test_scope_off_by_one(self) -> None:
        graph = si.FactorGraph([2, 2, 2], [(0, 1), (1, 2)], [[0, 1, 2, 3], [4, 1, 1, 2]])
        target = graph_target(graph)
        assert swept(graph, target._replace(scope=np.roll(target.scope, 1)), Gibbs()) < 1e-6

    def test_synchronous_update(self) -> None:
        graph = random_graph(1)
        target = graph_target(graph)
        frozen = np.zeros((graph.n_variables, MANY), np.int32)
        assert swept(graph, target, Synchronous(frozen)) < 1e-6

    def test_state_chosen_from_the_next_weights(self) -> None:
        graph = si.FactorGraph([3], [(0,)], [[1, 2, 4]])
        target = graph_target(graph)
        assert (
            swept(graph, target._replace(table_start=target.table_start + 1, log_tables=np.roll(target.log_tables, 2)), Gibbs())
            < 1e-6
        )


@part(lanes=True, reorder=True)
class Synchronous(NamedTuple):
    """Every variable drawn from the state before the sweep: not Gibbs sampling."""

    frozen: npt.NDArray[np.int32]
    inverse_temperature: Any = 1.0

    def init(self, target: Any, position: Any, streams: Any) -> Any:
        return table_state(target, position, streams, 0)

    def update(self, target: Any, state: Any, point: int, rate: float, rng: Any) -> None:
        if point == 0:
            for i in range(state.position.shape[0]):
                for l in range(state.position.shape[1]):
                    self.frozen[i, l] = state.position[i, l]
        log_weights(target, self.frozen, point, state.offset, state.potential)
        exponentiate(target.cardinality[point], rate, state.level, state.potential)
        choose(target.cardinality[point], state.words, state.level, state.offset, state.potential, state.position, point)


@part
class Impossible(NamedTuple):
    """Count lanes in a state that has weight 0 or 1e-30."""

    seen: npt.NDArray[np.int64]

    def prepare(self, kernel: Any, target: Any, state: Any, capacity: int) -> "Impossible":
        return Impossible(np.zeros(5, np.int64))

    def observe(self, target: Any, state: Any) -> None:
        for l in range(state.position.shape[1]):
            self.seen[state.position[0, l]] += 1

    def collect(self) -> dict[str, Any]:
        return {"seen": self.seen}


def count_states(updates: int) -> npt.NDArray[np.int64]:
    """Return how often each state of a table with zeros and a 1e-30 was drawn."""
    graph = si.FactorGraph([5], [(0,)], [[0.0, 1.0, 1e-30, 2.0, 0.0]])
    chains = 64
    start = np.ones(1, np.int64)
    run = si.run(
        Gibbs(), graph, steps=updates // chains, chains=chains, observer=Impossible(np.zeros(5, np.int64)), init=start, rng=1
    )
    return run["seen"].sum(axis=0)


@pytest.mark.parametrize("updates", [pytest.param(2 * 10**7, id="2e7"), pytest.param(10**10, marks=pytest.mark.slow, id="1e10")])
@pytest.mark.skipif(not JIT, reason="many updates")
def test_impossible_states_are_never_drawn(updates: int) -> None:
    seen = count_states(updates)
    assert seen[[0, 2, 4]].tolist() == [0, 0, 0]
    assert abs(seen[3] / seen.sum() - 2 / 3) < 5 * np.sqrt(2 / 9 / updates) + 2**-23


@pytest.mark.fast
def test_a_chain_outside_the_support_walks_in() -> None:
    unequal = si.FactorGraph([3, 3], [(0, 1)], [[0, 1, 1, 1, 0, 1, 1, 1, 0]])
    start = np.zeros((8, 2), np.int64)
    states = si.run(Gibbs(), unequal, steps=2, chains=8, init=start, observer=Nothing(), rng=0).position
    assert (states[:, 0] != states[:, 1]).all()


@pytest.mark.fast
def test_conditional_of_huge_couplings_is_finite() -> None:
    graph = nx.path_graph(4)
    nx.set_edge_attributes(graph, 700.0, "J")
    nx.set_node_attributes(graph, {0: 3.0}, "h")
    spins = si.run(Gibbs(), si.FactorGraph.from_networkx(graph), steps=400, thin=4, chains=8, rng=0)["state"]
    assert set(np.unique(spins)) <= {-1, 1}
    assert (spins[:, 5:] == spins[:, 5:, :1]).all()


@pytest.mark.fast
@pytest.mark.parametrize(
    "picker", [si.pickers.Uniform(), si.pickers.Colours(), si.pickers.Shuffled()], ids=lambda p: type(p).__name__
)
@pytest.mark.parametrize("graph", [ring(), random_graph(3)], ids=["spins", "tables"])
@pytest.mark.skipif(not JIT, reason="many sweeps")
def test_any_scan_finds_the_marginals(graph: si.FactorGraph, picker: Any) -> None:
    run = si.run(Gibbs(), graph, steps=12_000, thin=6, chains=64, picker=picker, observer=si.observers.Moments(), rng=3)
    exact = exact_marginals(graph)
    target = graph.as_target()
    positions = run["mean"].T
    for i, node in enumerate(graph.variables):
        values = np.array([-1, 1]) if graph.spins is not None else np.arange(graph.n_states[i])
        lanes = positions[i]
        error = lanes.std(ddof=1) / 8 + 1e-12
        assert abs(lanes.mean() - exact[node] @ values) < 6 * error, (node, target)


@pytest.mark.fast
def test_same_bits_whatever_the_threads_and_the_number_of_blocks() -> None:
    graph = random_graph(1)
    one = si.run(Gibbs(), graph, steps=60, thin=6, chains=70, threads=1, rng=9)["state"]
    two = si.run(Gibbs(), graph, steps=60, thin=6, chains=70, threads=2, rng=9)["state"]
    more = si.run(Gibbs(), graph, steps=60, thin=6, chains=130, rng=9)["state"]
    assert (one == two).all()
    assert (one[:64] == more[:64]).all()
    assert (one[:64] != more[64:128]).any()


def test_resume_goes_on_with_the_same_bits(tmp_path: Any) -> None:
    graph = random_graph(1)
    whole = si.run(Gibbs(), graph, steps=120, thin=6, chains=70, rng=9)["state"]
    si.run(Gibbs(), graph, steps=60, thin=6, chains=70, rng=9).save(tmp_path / "run.npz")
    assert (si.resume(tmp_path / "run.npz", draws=10)["state"] == whole).all()
    spins = ring()
    whole = si.run(Gibbs(), spins, steps=50, thin=5, chains=3, rng=9)["state"]
    si.run(Gibbs(), spins, steps=25, thin=5, chains=3, rng=9).save(tmp_path / "spins.npz")
    resumed = si.resume(tmp_path / "spins.npz", draws=5)
    assert (resumed["state"] == whole).all()
    assert list(resumed.coords["node"]) == spins.variables


def test_a_saved_state_beyond_the_tables_is_refused(tmp_path: Any) -> None:
    graph = random_graph(1)
    path = tmp_path / "run.npz"
    si.run(Gibbs(), graph, steps=6, thin=6, chains=2, rng=9).save(path)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["block0.state.position"][2, 1] = 17
    np.savez(path, **arrays)
    with pytest.raises(si.CheckpointError, match=r"variable 2 in chain 1 .* 17 is not one of its states"):
        si.resume(path, draws=1)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gibbs(-1.0), "inverse_temperature = -1.0"),
        (lambda: Gibbs(np.nan), "inverse_temperature = nan"),
        (lambda: si.run(Gibbs(), si.models.CoinBias(1, 1), steps=1), "a FactorGraph is needed, not CoinBias"),
        (lambda: si.run(Gibbs(), ring(), steps=1, init=np.zeros(4)), "4 states given for 5 variables"),
        (lambda: si.run(Gibbs(), ring(), steps=1, init=np.full(5, 3)), "state index 2"),
        (lambda: si.run(Gibbs(), ring(), steps=1, chains=2, init=np.ones((3, 5))), "3 rows given for 2 chains"),
        (lambda: si.run(Gibbs, ring(), steps=1), "make an instance"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises(si.StochinfError, match=message):
        make()
