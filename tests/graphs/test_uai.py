import gzip
import io
import time

import numpy as np
import pytest
from oracles import DATA, exact_marginals, log_partition, random_graph, read_mar

from stochinf.engine.errors import GraphError, MemoryLimitError
from stochinf.graphs import FactorGraph, read_evidence, read_graph
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.formats.uai import parse_uai, parse_uai_evidence, read_uai, read_uai_evidence, write_uai_marginals

UAI = DATA / "uai"
MODELS = sorted(path.name.removesuffix(".uai") for path in UAI.glob("*.uai"))
GOOD = "MARKOV\n3\n2 3 2\n3\n1 0\n2 0 1\n3 0 1 2\n\n2\n 0.4 0.6\n\n6\n 1 2 3\n 4 5 6\n\n12\n 1 1 1 1 1 1 1 1 1 1 1 2.5e-1\n"
CPT = "BAYES 2 2 3 2 1 0 2 0 1 2 .25 .75 6 .2 .3 .5 .1 .1 .8"
CPT_GRAPH = FactorGraph([2, 3], [(0,), (0, 1)], [[0.25, 0.75], [0.2, 0.3, 0.5, 0.1, 0.1, 0.8]])


def uai_text(graph):
    flat = graph.flat
    scopes = [" ".join(map(str, [len(graph.scope(f)), *map(graph.index.get, graph.scope(f))])) for f in range(graph.n_factors)]
    tables = [graph.weights[a:b].tolist() for a, b in zip(flat.table_start, flat.table_start[1:], strict=False)]
    words = ["MARKOV", graph.n_variables, *graph.n_states, graph.n_factors, *scopes]
    return "\n".join(map(str, words + [" ".join(map(repr, [len(t), *t])) for t in tables]))


def test_the_last_variable_is_fastest():
    graph = parse_uai(GOOD.encode())
    assert graph.log_score({0: 1, 1: 2, 2: 1}) == pytest.approx(np.log(0.6 * 6 * 0.25))
    assert graph.log_score({0: 0, 1: 2, 2: 1}) == pytest.approx(np.log(0.4 * 3))


@pytest.mark.parametrize("seed", range(20))
def test_round_trip(seed):
    graph = random_graph(seed, zeros=0.3)
    again = parse_uai(uai_text(graph).encode())
    for name in ("cardinality", "scope_start", "scope", "stride", "table_start"):
        np.testing.assert_array_equal(getattr(again.flat, name), getattr(graph.flat, name))
    np.testing.assert_allclose(again.weights, graph.weights, rtol=1e-14)


@pytest.mark.parametrize(
    "text",
    [
        CPT,
        "\ufeff" + CPT,
        CPT.replace(" ", "\r\n"),
        CPT.replace(" ", "\r"),
        CPT.replace(" ", "\t"),
        "c a comment, with ümlauts\n# another: nan inf 0x1\n" + CPT.replace(" 6 ", "\n   c inside\n6 ") + "\nc the end",
        CPT.replace(".25 ", "2.5E-1 ").replace(" .3 ", " +3.e-01 "),
    ],
)
def test_variants_of_one_model(text):
    graph = parse_uai(text.encode())
    np.testing.assert_array_equal(graph.log_weights, CPT_GRAPH.log_weights)


@pytest.mark.parametrize("name", MODELS)
def test_models_and_their_references(name):
    graph = read_graph(UAI / f"{name}.uai")
    evidence = read_evidence(UAI / f"{name}.uai.evid", graph)
    chosen = check_evidence(graph, evidence)
    assert {v: int(chosen[v]) for v in np.flatnonzero(chosen >= 0)} == evidence
    if (UAI / f"{name}.uai.MAR").exists():
        marginals = read_mar(UAI / f"{name}.uai.MAR")
        assert [row.size for row in marginals] == graph.n_states.tolist()
        assert all(marginals[v][state] == 1 for v, state in evidence.items())


@pytest.mark.parametrize(("name", "log_z"), [("sample_1", 34.2851846724), ("sample_2", 102.3488564195)])
def test_small_models_are_enumerated(name, log_z):
    graph = read_graph(UAI / f"{name}.uai")
    evidence = read_evidence(UAI / f"{name}.uai.evid", graph)
    assert log_partition(graph, evidence) == pytest.approx(log_z, abs=1e-9)
    marginals = exact_marginals(graph, evidence)
    for v, stored in enumerate(read_mar(UAI / f"{name}.uai.MAR")):
        np.testing.assert_allclose(marginals[v], stored, atol=1e-12)


HEAD = "MARKOV 2 2 3 1 2 0 1 "
BAD_FILES = [
    ("", r"ends within MARKOV or BAYES"),
    ("c only a comment", r"ends within MARKOV or BAYES"),
    ("markov 1 2 0", r"line 1: 'markov' is not"),
    ("MAKROV 1 2 0", r"the first word is 'MAKROV'"),
    ("2 2 3", r"the first word is '2'"),
    ("\x00\x01\x02", r"line 1: .* is not a finite decimal number or MARKOV or BAYES"),
    ("MARKOV\n2\n2 ü", r"line 3: .* is not a finite decimal number or MARKOV or BAYES"),
    ("MARKOV", r"ends within the number of variables"),
    ("MARKOV 0 0", r"empty graph: 0 variables"),
    ("MARKOV -1 0", r"the number of variables is -1"),
    ("MARKOV 1000000000000 2", r"the number of variables is 1000000000000; from 0 to the 1 words left"),
    ("MARKOV " + "9" * 5000, r"is no integer"),
    ("MARKOV 2.0 2 2 0", r"line 1: the number of variables: '2.0' is no integer"),
    ("MARKOV\n2\n2 1e0 0", r"line 3: the numbers of states: '1e0' is no integer"),
    ("MARKOV 2 2 0 0", r"variable 1 has 0 states; from 1 to 32768"),
    ("MARKOV 2 2 -2 0", r"variable 1 has -2 states"),
    ("MARKOV 1 1000000000 0", r"variable 0 has 1000000000 states"),
    ("MARKOV 2 2 3 -1", r"the number of factors is -1"),
    ("MARKOV 2 2 3 7 1 0", r"the number of factors is 7"),
    ("MARKOV 2 2 3 1 9 0 1 6", r"the arity of factor 0 is 9; from 0 to the 3 words left"),
    ("MARKOV 2 2 3 1 2 0 2 6 1 2 3 4 5 6", r"factor 0 names variable 2; the variables are 0 to 1"),
    ("MARKOV 2 2 3 1 2 0 -1 6 1 2 3 4 5 6", r"factor 0 names variable -1"),
    ("MARKOV 2 2 2 1 2 1 1 4 1 2 3 4", r"factor 0 over \(1, 1\): variable 1 appears twice"),
    (HEAD + "5 1 2 3 4 5", r"factor 0 over \(0, 1\): 5 entries given, 6 needed \(2 x 3\)"),
    (HEAD + "6 1 2 3 4 5", r"ends within the table of factor 0: 6 words needed, 5 left"),
    (HEAD, r"ends within the number of entries of factor 0"),
    (HEAD + "6 1 2 3 4 5 6 7", r"line 1: 1 words too many after the last table, the first is '7'"),
    (HEAD + "6 1 2 3 4 5 6\nMARKOV", r"line 2: 1 words too many"),
    (HEAD + "6 1 2 3 4 5 nan", r"line 1: 'nan' is not"),
    (HEAD + "6 1 2 3 4\n5 -inf", r"line 2: '-inf' is not"),
    (HEAD + "6 1 2 3 4 5 0x10", r"'0x10' is not"),
    (HEAD + "6 1 2 3 4 5 1_0", r"'1_0' is not"),
    (HEAD + "6 1 2 3 4 5 1,5", r"'1,5' is not"),
    (HEAD + "6 1 2 3 4 5 1d3", r"'1d3' is not"),
    (HEAD + "6 1 2 3 4 5 1e", r"factor 0 over \(0, 1\): entry 5, '1e', is no decimal number"),
    (HEAD + "6 1 2 3 4 5 1-2", r"entry 5, '1-2', is no decimal number"),
    (HEAD + "6 1 2 1.2.3 4 5 6", r"entry 2, '1.2.3', is no decimal number"),
    (HEAD + "6 1 2 3 4 5 E", r"entry 5, 'E', is no decimal number"),
    (HEAD + "6 1 2 3 4 5 1e999", r"entry 5 \(states \(1, 2\)\) is inf"),
    (HEAD + "6 1 2 3 4 5 1e-999", r"entry 5, '1e-999', is positive but rounds to 0"),
    (HEAD + "6 1 2 3 4 5 -6", r"entry 5 \(states \(1, 2\)\) is -6.0; weights are finite and at least 0"),
    (HEAD + "6 0 0 0 0.0 0e9 -0", r"factor 0 over \(0, 1\): all entries are zero"),
    (CPT.replace(".3 .5", ".3 .6"), r"factor 1 over \(0, 1\): row 0 of the conditional table of variable 1 sums to 1.1, not 1"),
    (CPT.replace(".8", ".9"), r"factor 1 over \(0, 1\): row 1 .* sums to 1.1"),
    (CPT.replace(".25", ".2"), r"factor 0 over \(0\): row 0"),
    ("BAYES 1 2 1 0 1 1", r"factor 0 of a BAYES file has no variables"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_bad_files(text, message):
    with pytest.raises(GraphError, match=message):
        parse_uai(text.encode())


def test_bombs_are_refused_at_once():
    scope = " ".join(map(str, range(40)))
    bomb = f"MARKOV 40 {'2 ' * 40} 1 40 {scope} 1099511627776 1 1"
    wide = f"MARKOV 20000 {'2 ' * 20000} 1 20000 {' '.join(map(str, range(20000)))} 5 1 1"
    start = time.process_time()
    for text in (bomb, wide):
        with pytest.raises(MemoryLimitError, match=r"factor 0 over .* needs about"):
            parse_uai(text.encode())
    with pytest.raises(MemoryLimitError, match=r"all 1 tables together may have 5 \(max_entries\)"):
        parse_uai((HEAD + "6 1 2 3 4 5 6").encode(), max_entries=5)
    with pytest.raises(GraphError, match="is not"):
        parse_uai(b"1" * 1_000_000 + b"@")
    assert time.process_time() - start < 1


def test_gzip(tmp_path):
    (tmp_path / "m.uai.gz").write_bytes(gzip.compress(CPT.encode()))
    np.testing.assert_array_equal(read_graph(tmp_path / "m.uai.gz").log_weights, CPT_GRAPH.log_weights)
    (tmp_path / "bomb.uai.gz").write_bytes(gzip.compress(b" " * 1_000_000))
    with pytest.raises(MemoryLimitError, match=r"bomb.uai.gz: more than 1000 bytes"):
        read_uai(tmp_path / "bomb.uai.gz", max_bytes=1000)
    whole = gzip.compress(GOOD.encode())
    for damaged in (whole[:-10], whole[:20], b"MARKOV", whole[:30] + b"\xff\xff\xff" + whole[33:]):
        (tmp_path / "bad.uai.gz").write_bytes(damaged)
        with pytest.raises(GraphError, match=r"bad.uai.gz: damaged gzip file"):
            read_graph(tmp_path / "bad.uai.gz")


def test_file_errors_name_the_file(tmp_path):
    (tmp_path / "short.uai").write_text("MARKOV 2")
    with pytest.raises(GraphError, match=r"short.uai"):
        read_graph(tmp_path / "short.uai")
    with pytest.raises(MemoryLimitError, match=r"short.uai: more than 4 bytes"):
        read_uai(tmp_path / "short.uai", max_bytes=4)
    with pytest.raises(FileNotFoundError):
        read_graph(tmp_path / "missing.uai")
    with pytest.raises(GraphError, match=r"no model format of that suffix; known are .uai, .bif, "):
        read_graph(tmp_path / "model.xyz")
    with pytest.raises(GraphError, match=r"no evidence format of that suffix; known are .evid, .meta, also with .gz"):
        read_evidence(tmp_path / "model.uai", CPT_GRAPH)


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("", {}),
        (" \n", {}),
        ("0", {}),
        ("1\n0", {}),
        ("1 0", {}),
        ("1 1 2", {1: 2}),
        ("2 0 1 1 0\n", {0: 1, 1: 0}),
        ("2\n0 1\n1 0\n", {0: 1, 1: 0}),
        ("1\n2 0 1 1 0", {0: 1, 1: 0}),
        ("1\n1 1 2", {1: 2}),
        ("c patient\n1 1 2", {1: 2}),
        ("2 1 0 0 0", {1: 0, 0: 0}),
        ("2\n1 0\n0 0", {1: 0, 0: 0}),
    ],
)
def test_evidence_in_both_dialects(text, evidence):
    assert parse_uai_evidence(text.encode(), CPT_GRAPH) == evidence


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2\n1 0 1\n1 0 0", r"2 samples of evidence; one is supported"),
        ("2\n1 0 1\n0", r"2 samples of evidence; .*or write the one case in a single line"),
        ("3\n0\n0\n0", r"3 samples of evidence"),
        ("2 0 1 1", r"2 observations announced, 3 numbers follow"),
        ("1 0 1 1", r"1 observations announced, 3 numbers follow"),
        ("-1", r"-1 observations announced"),
        ("99999999999999999999 0 1", r"99999999999999999999 observations announced"),
        ("1 2 0", r"variable 2 is not in the graph; its variables are 0 to 1"),
        ("1 -1 0", r"variable -1 is not in the graph"),
        ("1 1 3", r"variable 1 has no state 3; its states are 0 to 2"),
        ("1 1 -1", r"variable 1 has no state -1"),
        ("2 1 0 1 0", r"variable 1 is observed twice"),
        ("1 1 0.5", r"line 1: the evidence: '0.5' is no integer"),
        ("1\n1 x", r"line 2: 'x' is not"),
        ("\x00", r"is not"),
    ],
)
def test_bad_evidence_files(text, message):
    with pytest.raises(GraphError, match=message):
        parse_uai_evidence(text.encode(), CPT_GRAPH)


def test_evidence_file_gives_labels(tmp_path):
    graph = FactorGraph([2, 2], [], [], names=["A", "B"], states=[["no", "yes"], [-1, 1]])
    (tmp_path / "m.uai.evid").write_text("2 0 1 1 0")
    assert read_uai_evidence(tmp_path / "m.uai.evid", graph) == {"A": "yes", "B": -1}


def test_marginals_are_written_and_read(tmp_path):
    graph = random_graph(3)
    marginals = exact_marginals(graph)
    write_uai_marginals(marginals, tmp_path / "m.MAR")
    for row, stored in zip(marginals.values(), read_mar(tmp_path / "m.MAR"), strict=True):
        np.testing.assert_array_equal(row, stored)
    file = io.StringIO()
    write_uai_marginals({1: [1.0], 0: [0.5, 0.5]}, file)
    assert file.getvalue() == "MAR\n2 2 0.5 0.5 1 1.0\n"


@pytest.mark.parametrize("row", [[0.5, 0.6], [-0.5, 1.5], [np.nan, 1.0], [], [[1.0]]])
def test_bad_marginals_are_not_written(row, tmp_path):
    with pytest.raises(GraphError, match=r"marginal of 'A' is .*; probabilities that sum to 1 are needed"):
        write_uai_marginals({"A": row}, tmp_path / "m.MAR")
    assert not (tmp_path / "m.MAR").exists()


def test_a_grid_reads_fast():
    n = 50
    edges = [(v, v + 1) for v in range(n * n) if (v + 1) % n] + [(v, v + n) for v in range(n * n - n)]
    words = ["MARKOV", n * n, "2 " * n * n, n * n + len(edges)]
    words += [f"1 {v}" for v in range(n * n)] + [f"2 {a} {b}" for a, b in edges]
    words += ["2 0.123456 1.234567"] * (n * n) + ["4 1.234567 0.123456 0.123456 1.234567"] * len(edges)
    data = "\n".join(map(str, words)).encode()
    spent = []
    for _ in range(5):
        start = time.process_time()
        graph = parse_uai(data)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.2
    assert graph.spins.coupling.size == len(edges)
