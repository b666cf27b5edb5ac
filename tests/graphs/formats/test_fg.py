"""libDAI's format: its own files and answers, the order of entries, errors, round trips."""

import numpy as np
import pytest
from oracles import DATA, exact_marginals, random_graph

from stochinf.engine.errors import GraphError, MemoryLimitError
from stochinf.graphs import FactorGraph
from stochinf.graphs.formats import fg_text, parse_fg, read_graph, write_graph

pytestmark = pytest.mark.fast

FOLDER = DATA / "graphical" / "libdai"
GOOD = "# two factors\n2\n\n2\n1 0\n3 2\n6\n0 1\n1 2\n2 3\n3 4\n4 5\n5 6\n\n1\n0\n2\n1\n1 0.5\n"
TESTFAST = [
    0.65, 0.3553, 0.5003, 0.6951, 0.6301, 0.3599, 0.4207, 0.4563, 0.72, 0.2917, 0.4224, 0.4625, 0.6458, 0.09617, 0.7592, 0.309,
]  # fmt: skip


def test_the_first_variable_is_fastest():
    graph = parse_fg(GOOD.encode())
    assert graph.variables == [0, 1]
    assert graph.n_states.tolist() == [2, 3]
    for zero in range(2):
        for one in range(3):
            expected = (1 + one + 3 * zero) * (0.5 if zero else 0.0)
            assert np.exp(graph.log_score({0: zero, 1: one})) == pytest.approx(expected)


def test_exact_marginals_published_with_the_file():
    marginals = exact_marginals(read_graph(FOLDER / "testfast.fg"))
    np.testing.assert_allclose([marginals[v][1] for v in range(16)], TESTFAST, atol=5.1e-5)


def test_its_alarm_network_is_ours():
    """libDAI's copy has the same tables in other places: the same multiset of probabilities."""
    ours, theirs = read_graph(DATA / "graphical" / "bif" / "alarm.bif.gz"), read_graph(FOLDER / "alarm.fg")
    assert sorted(ours.n_states) == sorted(theirs.n_states)
    assert ours.log_weights.size == theirs.log_weights.size


@pytest.mark.parametrize("name", ["testfast", "zeroes1", "hoi1", "twofactors", "alarm"])
def test_round_trips_of_files(name, tmp_path):
    graph = read_graph(FOLDER / f"{name}.fg")
    write_graph(graph, tmp_path / "again.fg.gz")
    again = read_graph(tmp_path / "again.fg.gz")
    for ours, theirs in zip(graph.flat, again.flat, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert graph.variables == again.variables


@pytest.mark.parametrize("seed", range(20))
def test_round_trips_of_random_graphs(seed):
    graph = random_graph(seed, zeros=0.3)
    again = parse_fg(fg_text(graph).encode())
    assert again.n_states.tolist() == graph.n_states.tolist()
    for name in ("scope_start", "scope", "table_start", "log_weights"):
        ours, theirs = getattr(graph.flat, name), getattr(again.flat, name)
        np.testing.assert_array_equal(ours, theirs[: ours.size])


def test_names_constants_and_variables_without_factors():
    graph = FactorGraph([2, 3, 2], [(3, 7), ()], [[1, 2, 3, 4, 5, 6], [0.25]], names=[3, 7, 11])
    again = parse_fg(fg_text(graph).encode())
    assert again.variables == [3, 7, 11]
    assert [again.scope(f) for f in range(again.n_factors)] == [[3, 7], [], [11]]
    assert again.weights.round(12).tolist() == [1, 2, 3, 4, 5, 6, 0.25, 1, 1]
    assert parse_fg(fg_text(FactorGraph([2, 2], [("b", "a")], [[1, 2, 3, 4]], names=["a", "b"])).encode()).scope(0) == [1, 0]


BAD_FILES = [
    ("", r"ends within the number of factors"),
    ("x", r"line 1: 'x' is not a finite decimal number"),
    ("0", r"empty graph"),
    ("1 0 1 0 5", r"empty graph"),
    ("-1", r"the number of factors is -1"),
    ("2 1 0 2 0", r"ends within|factor 1|all entries are zero"),
    ("1 1 0 2 1 0", r"the number of entries of factor 0 is 1|ends within"),
    ("1 1 0 2 1 0 1 7", r"1 words too many after the last factor"),
    ("1 1 0 0 0 1", r"variable 0 has 0 states"),
    ("1 1 0 40000 0 1", r"variable 0 has 40000 states"),
    ("1 1 -3 2 1 0 1", r"variable -3; labels"),
    ("1 1 3000000000 2 1 0 1", r"variable 3000000000; labels"),
    ("1 2 0 0 2 2 1 0 1", r"variable 0 appears twice"),
    ("2 1 0 2 1 0 1 1 0 3 1 0 1", r"factor 1: variable 0 has 3 states here and 2 before"),
    ("1 1 0 2 1 2 1", r"factor 0: position 2 is not from 0 to 1"),
    ("1 1 0 2 1 -1 1", r"entry '-1' is no position"),
    ("1 1 0 2 1 0.0 1", r"entry '0.0' is no position"),
    ("1 1 0 2 1 " + "9" * 5000 + " 1", r"is no position"),
    ("1 1 0 2 2 1 1 1 1", r"factor 0: position 1 is given twice"),
    ("1 1 0 2 3 0 1 1 1 0 1", r"3 entries for a table of 2"),
    ("1 1 0 2 1 1 1e", r"factor 0: '1e' is no decimal number"),
    ("1 1 0 2 1 1 1e-999", r"is positive but rounds to 0"),
    ("1 1 0 2 1 1 -1", r"weights are finite and at least 0"),
    ("1 1 0 2 1 1 0", r"all entries are zero"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_bad_files(text, message):
    with pytest.raises(GraphError, match=message):
        parse_fg(text.encode())


def test_tables_that_the_file_does_not_hold():
    for n in (23, 26, 40):
        scope, counts = " ".join(map(str, range(n))), "2 " * n
        with pytest.raises(MemoryLimitError):
            parse_fg(f"1 {n} {scope} {counts} 1 0 1".encode())
