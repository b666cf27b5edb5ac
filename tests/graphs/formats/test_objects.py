"""networkx graphs and models of dimod, pgmpy and pyAgrum."""

import sys
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
from oracles import DATA, enumerate_states, exact_marginals, log_partition, log_scores, random_graph
from parts_for_tests import python

import stochinf as si
from stochinf.engine.errors import GraphError
from stochinf.graphs import FactorGraph
from stochinf.graphs.formats import convert_object, read_graph, to_networkx

pytestmark = pytest.mark.fast


def same(ours, theirs):
    for a, b in zip(ours.flat, theirs.flat, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(ours.child, theirs.child)
    return (ours.variables, ours.states) == (theirs.variables, theirs.states)


@pytest.mark.parametrize("seed", range(8))
def test_bipartite_round_trips(seed):
    graph = random_graph(seed, zeros=0.3)
    assert same(FactorGraph.from_networkx(graph.to_networkx()), graph)


@pytest.mark.parametrize("name", ["asia", "child", "alarm"])
def test_network_round_trips(name):
    graph = read_graph(DATA / "graphical" / "bif" / f"{name}.bif.gz")
    digraph = to_networkx(graph)
    assert nx.is_directed_acyclic_graph(digraph)
    assert same(FactorGraph.from_networkx(digraph), graph)


def sprinkler():
    G = nx.DiGraph([("Rain", "Wet"), ("Sprinkler", "Wet")])
    G.nodes["Rain"].update(states=["no", "yes"], cpt=[0.8, 0.2])
    G.nodes["Sprinkler"].update(cardinality=3, cpt=[0.5, 0.3, 0.2])
    G.nodes["Wet"].update(
        states=["dry", "wet"], cpt=np.array([[[0.9, 0.1], [0.2, 0.8], [0.1, 0.9]], [[0.5, 0.5], [0.1, 0.9], [0, 1]]])
    )
    return G


def test_digraph_networks():
    graph = FactorGraph.from_networkx(sprinkler())
    assert [graph.variables[v] for v in graph.child] == list(sprinkler())
    wet = exact_marginals(graph)["Wet"]
    truth = np.einsum("a,b,abc->c", [0.8, 0.2], [0.5, 0.3, 0.2], sprinkler().nodes["Wet"]["cpt"])
    np.testing.assert_allclose(wet, truth, atol=1e-14)
    turned = sprinkler()
    turned.nodes["Wet"].update(parents=["Sprinkler", "Rain"], cpt=np.swapaxes(turned.nodes["Wet"]["cpt"], 0, 1))
    np.testing.assert_allclose(exact_marginals(FactorGraph.from_networkx(turned))["Wet"], truth, atol=1e-14)
    assert si.marginals(sprinkler(), {"Rain": "yes"}, method="exact")["Wet"][1] == pytest.approx(
        np.einsum("b,bc->c", [0.5, 0.3, 0.2], sprinkler().nodes["Wet"]["cpt"][1])[1]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda G: G.nodes["Wet"].pop("cpt"), r"node 'Wet' has no cpt; give its conditional table"),
        (lambda G: G.nodes["Wet"].pop("states"), r"variable 'Wet' has neither cardinality nor states"),
        (lambda G: G.nodes["Rain"].update(cpt=[0.8, 0.3]), r"row 0 of the conditional table of variable 'Rain' sums to 1.1"),
        (lambda G: G.nodes["Rain"].update(cpt=[[0.8], [0.2]]), r"shape \(2, 1\), needed \(2,\)"),
        (lambda G: G.nodes["Rain"].update(cpt=[-0.2, 1.2]), r"weights are finite and at least 0"),
        (lambda G: G.nodes["Wet"].update(parents=["Rain"]), r"parents \['Rain'\] are not the nodes of its incoming edges"),
        (lambda G: G.add_edge("Wet", "Rain"), r"a cycle|shape|entries"),
        (lambda G: [data.pop("cpt") for _, data in G.nodes(data=True)], r"the graph is directed"),
    ],
)
def test_bad_digraphs(change, message):
    graph = sprinkler()
    change(graph)
    with pytest.raises(GraphError, match=message):
        FactorGraph.from_networkx(graph)


def test_tables_on_plain_graphs():
    G = nx.Graph()
    G.add_node("B", psi=[1, 2, 3])
    G.add_node("A", states=["no", "yes"])
    G.add_node("C", cardinality=2)
    G.add_edge("A", "B", psi=np.arange(1, 7).reshape(3, 2))
    G.add_edge("A", "C", psi=[[1, 0], [0, 1]])
    graph = FactorGraph.from_networkx(G, table="psi")
    assert graph.states == {"B": [0, 1, 2], "A": ["no", "yes"], "C": [0, 1]}
    assert graph.log_score({"A": "yes", "B": 2, "C": 1}) == pytest.approx(np.log(3 * 6))
    assert graph.log_score({"A": "yes", "B": 2, "C": 0}) == -np.inf
    G.edges["A", "C"].pop("psi")
    with pytest.raises(GraphError, match=r"edge \('A', 'C'\) has no 'psi'"):
        FactorGraph.from_networkx(G, table="psi")
    G.edges["A", "C"]["psi"] = [1, 2]
    with pytest.raises(GraphError, match=r"psi has the shape \(2,\); a matrix is needed"):
        FactorGraph.from_networkx(G, table="psi")


def test_fields_and_couplings_under_other_names():
    G = nx.Graph()
    G.add_node(0, bias=0.5)
    G.add_edge(0, 1, weight=-1.0)
    graph = FactorGraph.from_networkx(G, field="bias", coupling="weight")
    assert graph.log_score({0: 1, 1: -1}) == 1.5


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_dimod(vartype):
    dimod = pytest.importorskip("dimod")
    model = dimod.generators.gnp_random_bqm(7, 0.6, vartype, random_state=3)
    model.offset = 1.5
    graph = convert_object(model)
    states = enumerate_states(graph)
    samples = [{node: graph.labels(i)[k] for i, (node, k) in enumerate(zip(graph.variables, row, strict=True))} for row in states]
    np.testing.assert_allclose(log_scores(graph, states), -model.energies(samples), atol=1e-12)
    assert graph.spins is not None
    exact = np.logaddexp.reduce(-dimod.ExactSolver().sample(model).record.energy)
    assert log_partition(graph) == pytest.approx(exact, abs=1e-10)


def test_dimod_in_other_words():
    bqm = SimpleNamespace(linear={"a": 1.0}, quadratic={}, vartype="SPIN", offset=0.0)
    assert convert_object(bqm).log_score({"a": -1}) == 1.0
    with pytest.raises(GraphError, match="vartype 'INTEGER'"):
        convert_object(SimpleNamespace(linear={}, quadratic={}, vartype="INTEGER", offset=0.0))
    with pytest.raises(GraphError, match="the linear bias of 'a' is inf"):
        convert_object(SimpleNamespace(linear={"a": np.inf}, quadratic={}, vartype="SPIN", offset=0.0))


def tensor(names, axes):
    """What pyAgrum's tensors offer: names with the fastest first, the axes of the array in reverse."""
    return SimpleNamespace(names=names, toarray=lambda: np.array(axes, float))


LABELS = {"A": ("0", "1", "2"), "B": ("x", "y")}


def agrum(**members):
    variables = [SimpleNamespace(name=lambda n=name: n, labels=lambda n=name: LABELS[n]) for name in LABELS]
    return SimpleNamespace(nodes=lambda: {0, 1}, variable=lambda i: variables[i], **members)


def test_pyagrum_networks():
    tables = [tensor(("A",), [0.2, 0.3, 0.5]), tensor(("B", "A"), [[0.1, 0.9], [0.4, 0.6], [1, 0]])]
    graph = convert_object(agrum(cpt=lambda i: tables[i]))
    assert graph.states == {"A": ["0", "1", "2"], "B": ["x", "y"]}
    np.testing.assert_allclose(exact_marginals(graph)["B"][0], 0.2 * 0.1 + 0.3 * 0.4 + 0.5, atol=1e-15)
    assert graph.child.tolist() == [0, 1]
    parent_last = [tensor(("A",), [0.2, 0.3, 0.5]), tensor(("A", "B"), [[0.1, 0.4, 1], [0.9, 0.6, 0]])]
    assert same(convert_object(agrum(cpt=lambda i: parent_last[i])), graph)


def test_pyagrum_fields():
    table = tensor(("B", "A"), [[1, 2], [3, 4], [5, 6]])
    graph = convert_object(agrum(factors=lambda: [{0, 1}], factor=lambda ids: table))
    assert graph.log_score({"A": "2", "B": "x"}) == pytest.approx(np.log(5))


REAL = """
import sys
sys.path[:0] = {path!r}
import numpy as np
import pyagrum as gum
from oracles import exact_marginals
from stochinf.graphs.formats import convert_object
network = gum.fastBN("A[3]->B[2]<-C{{x|y|z|w}};A->D[4]<-B;C->E[2]")
field = gum.fastMRF("A[3]--B[2]--C[4];C--D;D--A")
for model, engine in ((network, gum.LazyPropagation(network)), (field, gum.ShaferShenoyMRFInference(field))):
    engine.setEvidence({{"D": 1}})
    marginals = exact_marginals(convert_object(model), {{"D": "1"}})
    for node, ours in marginals.items():
        np.testing.assert_allclose(ours, engine.posterior(node).toarray(), atol=1e-7)
print("equal")
"""


@pytest.mark.slow
def test_pyagrum_itself():
    """In a process of its own."""
    pytest.importorskip("pyagrum")
    assert "equal" in python(REAL.format(path=sys.path)).stdout


class Cpd(SimpleNamespace):
    """What pgmpy's TabularCPD and DiscreteFactor offer."""

    def scope(self):
        return self.variables


def cpd(variables, values, states):
    return Cpd(variable=variables[0], variables=variables, values=np.array(values, float), state_names=states)


def test_pgmpy_networks():
    a = cpd(["A"], [0.3, 0.7], {"A": ["no", "yes"]})
    b = cpd(["B", "A"], [[0.1, 0.6], [0.2, 0.3], [0.7, 0.1]], {"B": [0, 1, 2], "A": ["yes", "no"]})
    model = SimpleNamespace(nodes=["A", "B"], get_cpds=lambda: [a, b], get_factors=lambda: [])
    graph = convert_object(model)
    np.testing.assert_allclose(exact_marginals(graph)["B"], 0.3 * b.values[:, 1] + 0.7 * b.values[:, 0], atol=1e-15)
    assert graph.child.tolist() == [0, 1]
    with pytest.raises(GraphError, match="variable 'B' has no CPD"):
        convert_object(SimpleNamespace(nodes=["A", "B"], get_cpds=lambda: [a]))
    wrong = cpd(["B", "A"], np.full((3, 2), 1 / 3), {"B": [0, 1, 2], "A": ["yes", "maybe"]})
    with pytest.raises(GraphError, match=r"variable 'A' has the states \['yes', 'maybe'\] and \['no', 'yes'\]"):
        convert_object(SimpleNamespace(nodes=["A", "B"], get_cpds=lambda: [a, wrong]))


def test_pgmpy_factors():
    f = cpd(["A", "B"], [[1, 2, 3], [4, 5, 6]], {"A": ["no", "yes"], "B": [0, 1, 2]})
    g = cpd(["B", "A"], [[1, 0], [0, 1], [1, 1]], {"A": ["yes", "no"], "B": [0, 1, 2]})
    graph = convert_object(SimpleNamespace(get_factors=lambda: [f, g]))
    assert graph.log_score({"A": "yes", "B": 2}) == pytest.approx(np.log(6))
    assert graph.log_score({"A": "yes", "B": 1}) == -np.inf


def test_other_objects():
    graph = random_graph(0)
    assert FactorGraph.from_any(graph) is graph
    assert convert_object(nx.Graph([(0, 1, {"J": 1.0})])).n_variables == 2
    for thing in (3, "model.uai", [graph], None):
        with pytest.raises(GraphError, match="a FactorGraph or a model of networkx, dimod, pgmpy or pyAgrum is needed"):
            convert_object(thing)
