"""BIF and XMLBIF: bnlearn's networks, variants of the grammar, errors with their line, and round trips."""

import json

import numpy as np
import pytest
from oracles import DATA, exact_marginals, log_partition

from stochinf.engine.errors import GraphError, MemoryLimitError
from stochinf.graphs import FactorGraph
from stochinf.graphs.formats import bif_text, parse_bif, parse_xmlbif, read_graph, write_graph, xmlbif_text

pytestmark = pytest.mark.fast

BIF = DATA / "graphical" / "bif"
REFERENCE = json.loads((BIF / "reference_marginals.json").read_text())
GOOD = """network weather { property "author = none"; }
variable Sky { type discrete [ 3 ] { <5, Asy/Patch, 12+ }; }
variable Rain { type discrete [ 2 ] { no, yes }; property position = (1, 2) ; }
probability ( Sky ) { table 0.5, 0.25, 0.25; }
probability ( Rain | Sky ) {
  (<5) 0.9, 0.1;
  (Asy/Patch) 0.6, 0.4;
  (12+) 0.2, 0.8;
}
"""
WEIGHTS = [0.5, 0.25, 0.25, 0.9, 0.1, 0.6, 0.4, 0.2, 0.8]


def same(ours: FactorGraph, theirs: FactorGraph) -> bool:
    np.testing.assert_array_equal(ours.child, theirs.child)
    for a, b in zip(ours.flat, theirs.flat, strict=True):
        np.testing.assert_array_equal(a, b)
    return (ours.variables, ours.states) == (theirs.variables, theirs.states)


@pytest.mark.parametrize("name", REFERENCE)
@pytest.mark.parametrize("case", ["prior", "posterior"])
def test_networks_against_exact_inference_elsewhere(name, case):
    graph, reference = read_graph(BIF / f"{name}.bif.gz"), REFERENCE[name][case]
    evidence = {node: graph.states[node][state] for node, state in reference["evidence"].items()}
    marginals = exact_marginals(graph, evidence)
    for node, probabilities in reference["marginals"].items():
        np.testing.assert_allclose(marginals[node], probabilities, atol=5e-8)
    assert np.exp(log_partition(graph, evidence)) == pytest.approx(reference["p_evidence"], abs=1e-7)


@pytest.mark.parametrize(
    ("name", "variables", "arcs", "states"), [("child", 20, 25, 60), ("alarm", 37, 46, 105), ("sachs", 11, 17, 33)]
)
def test_sizes_of_networks(name, variables, arcs, states):
    graph = read_graph(BIF / f"{name}.bif.gz")
    assert (graph.n_variables, graph.flat.scope.size - graph.n_factors, graph.n_states.sum()) == (variables, arcs, states)
    assert sorted(graph.child) == list(range(variables))


def test_labels_of_child():
    states = read_graph(BIF / "child.bif.gz").states
    assert states["ChestXray"][-1] == "Asy/Patch"
    assert states["LowerBodyO2"] == ["<5", "5-12", "12+"]


def test_the_example():
    graph = parse_bif(GOOD.encode())
    assert graph.states == {"Sky": ["<5", "Asy/Patch", "12+"], "Rain": ["no", "yes"]}
    np.testing.assert_allclose(graph.weights, WEIGHTS, rtol=1e-15)
    assert [graph.scope(f) for f in range(2)] == [["Sky"], ["Sky", "Rain"]]
    assert graph.child.tolist() == [0, 1]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.replace(", ", " ").replace("position = (1 2)", "p"),
        GOOD.replace("  (<5)", "  // a comment { with ; marks\n /* and\n another */ (<5)"),
        GOOD.replace("Sky", '"Sky"').replace("Rain", '"Rain"').replace("12+", '"12+"'),
        GOOD.replace("  (12+) 0.2, 0.8;\n", "  default 0.2, 0.8;\n"),
        GOOD.replace("  (<5) 0.9, 0.1;\n", "").replace("  (12+) 0.2, 0.8;\n", "(12+) 2.0E-1 +.8 ;\n(<5) 0.9, 0.1; property x;\n"),
        GOOD[: GOOD.index("  (<5)")] + "table 0.9, 0.6, 0.2, 0.1, 0.4, 0.8;\n}",
        "\n".join([GOOD[GOOD.index("probability ( R") :], GOOD[: GOOD.index("probability ( R")]]),
    ],
)
def test_variants_of_one_network(text):
    graph = parse_bif(text.encode())
    assert graph.states == {"Sky": ["<5", "Asy/Patch", "12+"], "Rain": ["no", "yes"]}
    first = graph.child.tolist().index(0)
    tables = [graph.weights[graph.flat.table_start[f] : graph.flat.table_start[f + 1]] for f in (first, 1 - first)]
    np.testing.assert_allclose(np.concatenate(tables), WEIGHTS, rtol=1e-15)


CYCLE = """variable A { type discrete [1] { a }; } variable B { type discrete [1] { b }; }
probability ( A | B ) { (b) 1; } probability ( B | A ) { (a) 1; }"""
BAD_FILES = [
    ("", r"line 1: empty graph"),
    ("netwerk x { }", r"line 1: 'netwerk' stands where network, variable or probability"),
    ("network x {", r"line 1: the file ends where '}' of the network block"),
    ("network", r"the file ends where '{' of the network block"),
    ("network x { foo }", r"'foo' stands where property or '}'"),
    ("variable { }", r"line 1: '{' stands where the name of a variable"),
    ("variable A { }", r"variable 'A' has no type"),
    ("variable A { type discrete [ 3 ] { a, b }; }", r"'3' states announced, 2 given in variable 'A'"),
    ("variable A { type discrete [ x ] { a, b }; }", r"'x' states announced, 2 given"),
    ("variable A { type discrete [ 0 ] { }; }", r"'0' states announced, 0 given"),
    ("variable A { type discrete [ 2 ] { a, a }; }", r"state 'a' appears twice in variable 'A'"),
    ("variable A { type continuous; }", r"'continuous' stands where 'discrete' is needed in variable 'A'"),
    ("variable A { type discrete [ 2 ] { a, ( }; }", r"'\(' stands where a name is needed"),
    ("variable A { type discrete [ 2 ] { a, b }", r"the file ends where ';' in variable 'A'"),
    (GOOD + "variable Sky { type discrete [ 1 ] { a }; }", r"line 10: variable 'Sky' is declared twice"),
    (GOOD + "probability ( Sky ) { table 1, 0, 0; }", r"variable 'Sky' has 2 conditional tables"),
    (GOOD + "variable X { type discrete [ 1 ] { a }; }", r"variable 'X' has no conditional table"),
    (GOOD.replace("( Sky )", "( Sly )"), r"line 4: variable 'Sly' is not declared; did you mean 'Sky'"),
    (GOOD.replace("( Rain | Sky )", "( Rain | Sky, Rain )"), r"line 5: a variable appears twice in \('Rain', 'Sky', 'Rain'\)"),
    (GOOD.replace("( Rain | Sky )", "( )"), r"line 5: a probability block without a variable"),
    (GOOD.replace("( Rain | Sky )", "( Rain | | Sky )"), r"line 5: '\|' stands where a name is needed"),
    (
        GOOD.replace("(12+)", "(13+)"),
        r"line 8: variable 'Sky' has no state '13\+'; there are .*; did you mean '12\+'",
    ),
    (GOOD.replace("(12+)", "(12+, no)"), r"line 8: 2 states for the 1 parents of 'Rain'"),
    (GOOD.replace("(12+)", "(<5)"), r"line 8: the row \('<5'\) of 'Rain' is given twice"),
    (GOOD.replace("  (12+) 0.2, 0.8;\n", ""), r"line 8: probability of 'Rain': no row \('12\+'\)"),
    (GOOD.replace("0.2, 0.8", "0.2, 0.8, 0"), r"line 8: the row \('12\+'\) of 'Rain': 3 numbers given, 2 needed"),
    (GOOD.replace("0.2, 0.8", "0.2, O.8"), r"line 8: probability of 'Rain': 'O.8' is no decimal number"),
    (GOOD.replace("0.2, 0.8", "nan, 0.8"), r"'nan' is no decimal number"),
    (GOOD.replace("0.2, 0.8", "0.2, 1_0"), r"'1_0' is no decimal number"),
    (GOOD.replace("0.2, 0.8", "1e-999, 1"), r"'1e-999' is positive but rounds to 0"),
    (GOOD.replace("0.2, 0.8", "0.2, 0.9"), r"line 8: probability of 'Rain', row \('12\+'\): \[0.2, 0.9\] are no probabilities"),
    (GOOD.replace("0.2, 0.8", "-0.2, 1.2"), r"are no probabilities"),
    (GOOD.replace("0.2, 0.8", "1e999, 0"), r"are no probabilities"),
    (GOOD.replace("table 0.5,", "table"), r"line 4: the table of 'Sky': 2 numbers given, 3 needed"),
    (GOOD.replace("0.25; }", "0.25; (no) 1, 0, 0; }"), r"line 4: 1 states for the 0 parents of 'Sky'"),
    (GOOD.replace("0.25; }", "0.25; table 1, 0, 0; }"), r"line 4: 'table' stands where"),
    (GOOD.replace("0.25; }", "0.25; default 1, 0, 0; }"), r"a table and rows; give one of the two"),
    (GOOD.replace("0.25; }", "0.25; /* }"), r"line 4: a comment starts with /\* and does not end"),
    (GOOD.replace("0.5,", '"0.5,'), r"stands where|is no decimal|numbers given"),
    (GOOD[:-2], r"line 6: the probability block does not end with '}'"),
    (CYCLE, r"a cycle of parents and children: ('A', 'B', 'A'|'B', 'A', 'B')"),
    ("variable Ä".encode("latin-1"), r"line 1: byte 0xc4 is no UTF-8"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_bad_files(text, message):
    with pytest.raises(GraphError, match=message):
        parse_bif(text if isinstance(text, bytes) else text.encode())


def test_default_rows_do_not_fill_memory():
    names = [f"V{i}" for i in range(25)]
    text = "".join(f"variable {name} {{ type discrete [2] {{ a, b }}; }}\n" for name in names)
    text += "".join(f"probability ( {name} ) {{ table 0.5 0.5; }}\n" for name in names[1:])
    for parents in (24, 23, 22):
        with pytest.raises(MemoryLimitError, match=r"entries"):
            parse_bif(
                f"{text}probability ( V0 | {', '.join(names[1 : parents + 1])} ) {{ default 0.5 0.5; }}".encode(), 2**24 + 99
            )


@pytest.mark.parametrize("name", ["asia", "child", "alarm"])
@pytest.mark.parametrize("suffix", [".bif", ".bif.gz", ".xmlbif", ".bifxml.gz", ".xml"])
def test_round_trips_to_the_bit(name, suffix, tmp_path):
    graph = read_graph(BIF / f"{name}.bif.gz")
    write_graph(graph, tmp_path / f"model{suffix}")
    assert same(read_graph(tmp_path / f"model{suffix}"), graph)


def random_network(seed: int) -> FactorGraph:
    """Three variables with awkward names and random rows."""
    rng = np.random.default_rng(seed)
    labels = [["a b", "<&>", "c;d"], ["x", "//y"], ["(1, 2)", '{}"'[:2], "|"]]
    text = [rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(2), 3), rng.dirichlet(np.ones(3), (3, 2))]
    import networkx as nx

    G = nx.DiGraph()
    for name, row, table in zip(["A, B", "per cent %", "Ω"], labels, text, strict=True):
        G.add_node(name, states=row, cpt=table)
    G.add_edges_from([("A, B", "per cent %"), ("A, B", "Ω"), ("per cent %", "Ω")])
    return FactorGraph.from_networkx(G)


@pytest.mark.parametrize("seed", range(5))
def test_round_trips_of_random_networks(seed):
    graph = random_network(seed)
    assert same(parse_bif(bif_text(graph).encode()), graph)
    assert same(parse_xmlbif(xmlbif_text(graph).encode()), graph)


@pytest.mark.parametrize("write", [bif_text, xmlbif_text])
def test_what_cannot_be_written(write):
    with pytest.raises(GraphError, match="holds Bayesian networks"):
        write(FactorGraph([2], [(0,)], [[0.5, 0.5]]))
    network = parse_bif(GOOD.encode())
    bad = FactorGraph.from_flat(network.flat, ["Sky", "Rain"], [["a", "b", "c"], [1, "1"]], child=network.child)
    with pytest.raises(GraphError, match=r"two states of variable 'Rain' are called '1' once they are text"):
        write(bad)
    bad = FactorGraph.from_flat(network.flat, ["Sky", 'R"\nain'], child=network.child)
    with pytest.raises(GraphError, match="cannot be written"):
        write(bad)


XML = """<?xml version="1.0"?>
<!DOCTYPE BIF [ <!ELEMENT BIF ( NETWORK )*> <!ATTLIST BIF VERSION CDATA #REQUIRED> ]>
<BIF VERSION="0.3">
<NETWORK><NAME>weather</NAME><PROPERTY>author none</PROPERTY>
<VARIABLE TYPE="nature"><NAME>Sky</NAME><OUTCOME>&lt;5</OUTCOME><OUTCOME>Asy/Patch</OUTCOME><OUTCOME>12+</OUTCOME>
  <PROPERTY>position = (0, 1)</PROPERTY></VARIABLE>
<VARIABLE TYPE="nature"><NAME>Rain</NAME><OUTCOME>no</OUTCOME><OUTCOME>yes</OUTCOME></VARIABLE>
<DEFINITION><FOR>Sky</FOR><TABLE>0.5 0.25 <!-- a comment --> 0.25</TABLE></DEFINITION>
<DEFINITION><FOR>Rain</FOR><GIVEN>Sky</GIVEN><TABLE>0.9 0.1
 0.6 0.4 0.2 0.8</TABLE></DEFINITION>
</NETWORK></BIF>
"""


@pytest.mark.parametrize(
    "text", [XML, XML.replace("\n", "\r\n"), XML.replace("DEFINITION", "PROBABILITY").replace("OUTCOME", "VALUE")]
)
def test_xmlbif(text):
    assert same(parse_xmlbif(text.encode()), parse_bif(GOOD.encode()))


BAD_XML = [
    ("", r"line 1: no element found; this is no XML"),
    ("network x {", r"line 1: syntax error"),
    (XML[:-20], r"this is no XML"),
    (XML.replace("</FOR>", "</FIR>"), r"line 8: mismatched tag"),
    ("<BIF></BIF>", r"empty graph"),
    ("<html></html>", r"line 1: element 'HTML' within the document"),
    (XML.replace("<!ELEMENT BIF ( NETWORK )*>", '<!ENTITY a "aaaa">'), r"declares the entity 'a'"),
    (XML.replace('"nature"', '"utility"'), r"a variable of TYPE 'utility'"),
    (XML.replace("<GIVEN>Sky", "<GIVEN>Sly"), r"line 9: no variable 'Sly'; did you mean 'Sky'"),
    (XML.replace("<NAME>Sky</NAME>", ""), r"line 5: a VARIABLE with 0 NAME"),
    (XML.replace("<NAME>Rain</NAME>", "<NAME>Sky</NAME>"), r"line 7: variable 'Sky' is declared twice"),
    (XML.replace("<OUTCOME>yes</OUTCOME>", "<OUTCOME>no</OUTCOME>"), r"line 7: variable 'Rain' has 2 OUTCOMEs"),
    (XML.replace(" 0.25</TABLE>", "</TABLE>"), r"line 8: TABLE of 'Sky': 2 numbers given, 3 needed"),
    (XML.replace("0.4 0.2", "0.4 O.2"), r"line 9: 'O.2' is no decimal number"),
    (XML.replace("0.4 0.2", "0.4 0.3"), r"row 2 of the conditional table of variable 'Rain' sums to 1.1"),
    (XML.replace("0.4 0.2", "0.4 -0.2").replace("0.8<", "1.2<"), r"weights are finite and at least 0"),
    (XML.replace('version="1.0"', 'version="1.0" encoding="klingon"'), r"encoding|unknown"),
    (XML.replace("<FOR>Rain</FOR>", "<FOR>Rain</FOR><TABLE><TABLE>"), r"element 'TABLE' within TABLE"),
]


@pytest.mark.parametrize(("text", "message"), BAD_XML)
def test_bad_xml(text, message):
    with pytest.raises(GraphError, match=message):
        parse_xmlbif(text.encode())
