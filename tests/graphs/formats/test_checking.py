"""`check` and `convert`, and their commands."""

import pytest
from oracles import DATA

import stochinf as si
from stochinf.cli import main
from stochinf.engine.errors import GraphError
from stochinf.graphs.formats import check, convert, write_deepdive

ALARM = DATA / "graphical" / "bif" / "alarm.bif.gz"


def test_what_a_network_holds():
    found = check(ALARM)
    assert (found.kind, found.variables, found.factors, found.entries) == ("Bayesian network", 37, 37, 752)
    assert (found.states, found.arity, found.components, found.width) == ((2, 4), (1, 5), 1, 4)
    assert found.zeros == pytest.approx(5 / 752)
    assert found.cells < 2000
    assert [warning.split(",")[0] for warning in found.warnings] == ["6 of 243 rows of conditional tables do not sum to 1"]


def test_what_looks_like_a_mistake(tmp_path):
    (tmp_path / "m.uai").write_text("MARKOV 4 2 2 1 2 3 2 0 1 1 0 1 2 4 1 1 1 1 2 1 2 1 3")
    found = check(tmp_path / "m.uai")
    assert found.kind == "factor graph"
    assert found.components == 3
    assert found.warnings == [
        "1 of 4 variables has no factor: 3",
        "1 of 4 variables has a single state: 2",
        "2 of 3 factors are constant, the first is factor 0 over (0, 1)",
    ]
    (tmp_path / "s.uai").write_text("MARKOV 2 2 2 1 2 0 1 4 1 2 2 1")
    assert check(tmp_path / "s.uai").kind == "spins"


def test_rules_without_tables(tmp_path):
    logic = si.graphs.Logic({v: [0, 1] for v in range(50)})
    logic.add("or", *range(40), weight=1.0)
    write_deepdive(logic.graph(), tmp_path)
    found = check(tmp_path / "graph.meta")
    assert (found.kind, found.components, found.width, found.arity) == ("logical factors", 11, None, (40, 40))


@pytest.mark.fast
@pytest.mark.parametrize(
    ("target", "lost"),
    [
        ("m.bif.gz", []),
        ("m.xml", []),
        ("m.uai", ["names of variables", "labels of states"]),
        ("m.fg", ["names of variables", "labels of states", "which factor is whose conditional"]),
    ],
)
def test_convert(target, lost, tmp_path):
    assert convert(ALARM, tmp_path / target) == lost
    again = si.read_graph(tmp_path / target)
    assert (again.log_weights == si.read_graph(ALARM).log_weights).all()


@pytest.mark.fast
def test_what_cannot_be_converted(tmp_path):
    with pytest.raises(GraphError, match="BIF holds Bayesian networks"):
        convert(DATA / "uai" / "sample_1.uai", tmp_path / "m.bif")
    with pytest.raises(GraphError, match="no model format"):
        convert(ALARM, tmp_path / "m.doc")
    with pytest.raises(GraphError, match="give a FactorGraph"):
        si.write_graph(3, tmp_path / "m.uai")
    with pytest.raises(GraphError, match="cannot be written"):
        si.write_graph(si.read_graph(ALARM), tmp_path / "no folder" / "m.uai")


def test_logical_graphs_convert(tmp_path):
    logic = si.graphs.Logic({v: [0, 1] for v in range(3)})
    logic.add("imply", 0, 1, 2, weight=1.5)
    si.write_graph(logic.graph(), tmp_path / "graph.meta")
    convert(tmp_path / "graph.meta", tmp_path / "m.uai")
    tables = si.read_graph(tmp_path / "m.uai")
    assert tables.log_score({0: 1, 1: 1, 2: 0}) == pytest.approx(-1.5)


def test_commands(tmp_path, capsys):
    assert main(["convert", str(ALARM), str(tmp_path / "m.uai")]) == 0
    assert "m.uai: written; without names of variables and labels of states" in capsys.readouterr().err
    assert main(["check", str(tmp_path / "m.uai")]) == 0
    out = capsys.readouterr().out
    assert "Bayesian network" in out
    assert "width 4" in out
    (tmp_path / "bad.uai").write_text("MARKOV 2 2")
    assert main(["check", str(tmp_path / "bad.uai")]) == 2
    assert "bad.uai" in capsys.readouterr().err
