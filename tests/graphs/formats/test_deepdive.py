"""DeepDive: the sampler's own test graphs, its binary records, and every number checked."""

import re
import struct

import numpy as np
import pytest
from oracles import DATA, enumerate_states, exact_marginals, log_scores

import stochinf as si
from stochinf.engine.errors import GraphError
from stochinf.graphs import Logic
from stochinf.graphs.formats import parse_deepdive, parse_deepdive_text, read_deepdive, write_deepdive

pytestmark = pytest.mark.fast

FOLDER = DATA / "graphical" / "deepdive"
GRAPHS = ["biased_coin_truthiness", "partial_observation", "sparse_domains", "sparse_multinomial2"]


def dump(name):
    """Bytes of a hexdump."""
    lines = (FOLDER / "text2bin" / f"{name}.bin.txt").read_text().splitlines()
    return bytes.fromhex("".join(re.sub(r"\s", "", line.split(":", 1)[1][:41]) for line in lines))


@pytest.mark.parametrize("name", GRAPHS)
def test_round_trips_through_the_binary_form(name, tmp_path):
    first = read_deepdive(FOLDER / name)
    write_deepdive(first.graph, tmp_path / "graph", first.evidence, first.fixed)
    again = read_deepdive(tmp_path / "graph")
    for ours, theirs in zip(first.graph.logic, again.graph.logic, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(first.fixed, again.fixed)
    assert (again.evidence, again.graph.states) == (first.evidence, first.graph.states)
    assert si.read_graph(tmp_path / "graph" / "graph.meta").n_variables == first.graph.n_variables
    assert si.read_evidence(tmp_path / "graph" / "graph.meta", first.graph) == first.evidence


def test_published_marginals():
    """README of the sampler's tests: var 2 is 1 or 3 with probability 0.05 and 0.95; closed forms of sparse domains."""
    found = exact_marginals(read_deepdive(FOLDER / "sparse_multinomial2").graph)
    np.testing.assert_allclose(found[0], [0, 1, 0], atol=0.04)
    np.testing.assert_allclose(found[1], [1, 0, 0], atol=0.04)
    np.testing.assert_allclose(found[2], [0.05, 0.95], atol=0.04)
    sparse = read_deepdive(FOLDER / "sparse_domains")
    exact = si.marginals(sparse.graph, sparse.evidence, method="exact")
    weights = np.exp([2.0, 3.0, 0.0])
    np.testing.assert_allclose(exact[14], weights / weights.sum(), atol=1e-12)


def test_truthiness_is_soft_evidence():
    coin = read_deepdive(FOLDER / "biased_coin_truthiness")
    assert len(coin.truthiness) == 9
    np.testing.assert_allclose(coin.truthiness[0], [0.2, 0.8])
    assert np.isfinite(si.marginals(coin.graph, coin.truthiness, method="exact").log_partition)


def test_its_own_binary_records():
    data = {name: dump(f"dd_{name}") for name in ("variables", "weights", "factors")}
    found = parse_deepdive(data | {"meta": b"1,10,4,4\n"})
    assert (found.graph.n_variables, found.graph.logic.weights.tolist(), found.fixed.tolist()) == (10, [3.0], [True])
    assert found.graph.logic.code.tolist() == [2] * 4
    assert found.graph.logic.feature.tolist() == [0, 1, 2, 3]


def files(**changes):
    """The bytes of a small graph: an implication of two Booleans and a categorical AND."""
    made = {
        "meta": b"2,3,2,4,a,b,c\n",
        "weights": struct.pack(">QBd", 0, 1, 1.5) + struct.pack(">QBd", 1, 0, -2.0),
        "variables": b"".join(
            struct.pack(">QBQHQ", *row) for row in [(0, 0, 0, 0, 2), (1, 1, 1, 0, 2), (2, 0, 0, 1, 3)]
        ),
        "domains": struct.pack(">QQ", 2, 3) + b"".join(struct.pack(">Qd", value, 0.0) for value in (7, 3, 5)),
        "factors": struct.pack(">HQ", 0, 2) + struct.pack(">QQQQ", 0, 1, 1, 1) + struct.pack(">Qd", 0, 1.0)
        + struct.pack(">HQ", 12, 2) + struct.pack(">QQQQ", 2, 5, 0, 0) + struct.pack(">Qd", 1, 0.5),
    }  # fmt: skip
    return {**made, **changes}


def test_a_small_graph():
    found = parse_deepdive(files())
    assert found.graph.states == {0: [0, 1], 1: [0, 1], 2: [3, 5, 7]}
    assert (found.evidence, found.fixed.tolist(), found.truthiness) == ({1: 1}, [True, False], {})
    logic = Logic({0: [0, 1], 1: [0, 1], 2: [3, 5, 7]})
    logic.add("imply", 0, 1, weight=1.5)
    logic.add("all", (2, 5), (0, 0), weight=-2.0, feature=0.5)
    states = enumerate_states(found.graph)
    np.testing.assert_allclose(log_scores(found.graph, states), log_scores(logic.graph(), states), atol=1e-15)


def patched(name, offset, value, size=8):
    data = bytearray(files()[name])
    data[offset : offset + size] = value.to_bytes(size, "big")
    return {name: bytes(data)}


HUGE = 2**64 - 1
BAD = [
    ({"meta": b""}, r"four whole numbers"),
    ({"meta": b"2,3,2"}, r"four whole numbers"),
    ({"meta": b"2,3,-2,4"}, r"four whole numbers"),
    ({"meta": b"2,3,2," + b"9" * 30}, r"four whole numbers"),
    ({"meta": b"2,3,2,999999999999999999"}, r"graph.factors: .* bytes; 2 factors with 999999999999999999 literals"),
    ({"meta": b"3,3,2,4"}, r"graph.weights: 34 bytes; 3 records of 17 bytes"),
    ({"meta": b"2,4,2,4"}, r"graph.variables: 81 bytes; 4 records of 27"),
    ({"meta": b"2,3,2,3"}, r"graph.factors: .* bytes"),
    ({"factors": files()["factors"][:-1]}, r"graph.factors: .* bytes"),
    (patched("weights", 0, 5), r"weight ids are not 0 to 1, each once: see 5|weight ids"),
    (patched("weights", 9, 0x7FF8 << 48), r"weight 0 is nan"),
    (patched("variables", 0, HUGE), r"variable ids are not 0 to 2"),
    (patched("variables", 27, 0), r"variable ids are not 0 to 2"),
    (patched("variables", 8, 3, 1), r"role 0, 1 or 2"),
    (patched("variables", 17, 2, 2), r"type 0 \(Boolean, 2 states\) or 1"),
    (patched("variables", 19, 3), r"type 0 \(Boolean, 2 states\)"),
    (patched("variables", 27 + 9, 2), r"evidence variable 1 has the value 2, which is none of its states"),
    (patched("variables", 54 + 19, 0), r"variable 2 has 0 states"),
    (patched("variables", 54 + 19, HUGE), r"variable 2 has 18446744073709551615 states"),
    (patched("variables", 54 + 19, 4), r"variable 2 has 4 states and 3 values in its domain"),
    (patched("domains", 0, 3), r"variable 3, at byte 0, is no variable"),
    (patched("domains", 8, HUGE), r"variable 2 has 18446744073709551615 values announced"),
    (patched("domains", 16, 3), r"values in its domain"),
    ({"domains": files()["domains"] * 2}, r"has two domains"),
    ({"domains": files()["domains"] + b"1234"}, r"the file ends within a variable's domain"),
    (patched("factors", 0, 6, 2), r"no factor function of number 6"),
    (patched("factors", 2, 0), r"factor 0 has 0 literals"),
    (patched("factors", 2, HUGE), r"factor 0 has 18446744073709551615 literals; of 4 announced 4 are left"),
    (patched("factors", 2, 4), r"literals"),
    (patched("factors", 10, 3), r"a factor has the variable 3; there are 3"),
    (patched("factors", 10, HUGE), r"a factor has the variable 18446744073709551615"),
    (patched("factors", 10, 1), r"variable number 1 appears in two literals"),
    (patched("factors", 18, 2), r"compares variable 0 with 2, which is none of its states"),
    (patched("factors", 42, 2), r"a factor has the weight 2; there are 2"),
    (patched("factors", 50, 0x7FF0 << 48), r"feature value 0 is inf"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_every_number_is_checked(changes, message):
    with pytest.raises(GraphError, match=message):
        parse_deepdive(files(**changes))


TEXT = {
    "variables.tsv": b"0\t0\t0\t0\t2\n1\t1\t1\t0\t2\n2\t0\t0\t1\t3\n",
    "weights.tsv": b"0\t1\t1.5\n1\t0\t-2.0\n",
    "domains.tsv": b"2\t3\t{7,3,5}\t{0,0,0.0}\n",
    "factors1.tsv": b"0\t1\t0\t1\n",
    "factors1.text2bin-args": b"0 2 1 1\n",
    "factors2.tsv": b"2\t0\t5\t0\t1\t0.5\n",
    "factors2.text2bin-args": b"12 2 1 1\n",
}


def test_text_and_binary_agree():
    text, binary = parse_deepdive_text(TEXT), parse_deepdive(files())
    for ours, theirs in zip(text.graph.logic, binary.graph.logic, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert text.evidence == binary.evidence
    assert text.graph.states == binary.graph.states


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("variables.tsv", b"1\t1\t1", b"1\t1\tx", r"variables.tsv, line 2: 'x' is no whole number"),
        ("variables.tsv", b"1\t1\t1", b"1\t9\t1", r"line 2: roles are 0, 1 and 2"),
        ("variables.tsv", b"\t2\n1", b"\n1", r"line 1: 4 columns; 5 are needed"),
        ("variables.tsv", b"0", "ü".encode(), r"not ASCII"),
        ("weights.tsv", b"1.5", b"nan", r"weights.tsv, line 1: 'nan' is no decimal number"),
        ("domains.tsv", b"{7,3,5}", b"{7,3}", r"variable 2 needs one domain"),
        ("factors1.tsv", b"0\t1\t0", b"0\t1", r"factors1.tsv, line 1: 3 columns; 4 are needed"),
        ("factors1.tsv", b"0\t1", b"0\t4", r"a factor has the variable 4"),
        ("factors1.text2bin-args", b"0 2 1 1", b"0 2 1", r"2 literals and 1 values"),
        ("factors1.text2bin-args", b"0 2 1 1", b"", r"one line of function, arity and values is needed"),
        ("factors2.text2bin-args", b"12", b"77", r"columns|no factor function"),
    ],
)
def test_bad_text(name, old, new, message):
    with pytest.raises(GraphError, match=message):
        parse_deepdive_text({**TEXT, name: TEXT[name].replace(old, new, 1)})


def test_a_missing_file_of_arguments():
    with pytest.raises(GraphError, match=r"no factors1\.text2bin-args beside it"):
        parse_deepdive_text({name: data for name, data in TEXT.items() if name != "factors1.text2bin-args"})


def test_what_cannot_be_written(tmp_path):
    logic = Logic(["A"])
    logic.weigh("A", [0.0, 1.0])
    for graph in (logic.graph(), si.FactorGraph([2], [(0,)], [[1, 2]])):
        with pytest.raises(GraphError, match="logical factors alone"):
            write_deepdive(graph, tmp_path / "graph")
    with pytest.raises(FileNotFoundError):
        read_deepdive(tmp_path / "none")
