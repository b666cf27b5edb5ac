"""Knowledge bases: the command line, files of DeepDive with everything in them, how reliable predictions are."""

import os
from pathlib import Path

import numpy as np
import pytest
from test_examples import example

import stochinf as si
from stochinf.cli import main
from stochinf.graphs.formats.deepdive import read_deepdive
from stochinf.graphs.formats.deepdive_writer import write_deepdive
from stochinf.graphs.logic import Logic

TOSSES = 18


@pytest.fixture
def coin(tmp_path: Path) -> Path:
    """Eighteen tosses, of which nine were seen: eight heads, one tail."""
    logic = Logic(range(TOSSES), weights={"bias": 0.0})
    for toss in range(TOSSES):
        logic.add("istrue", toss, weight="bias")
    write_deepdive(logic.graph(), tmp_path / "coin", {toss: toss < 8 for toss in range(9)})
    return tmp_path / "coin"


@pytest.mark.parametrize("method", ["exact", "pcd"])
def test_learn_then_infer(coin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str) -> None:
    out = tmp_path / "learnt"
    assert main(["learn", str(coin), "--output", str(out), "--method", method, "--seed", "1"]) == 0
    shown = capsys.readouterr()
    assert "1.0397" in shown.out
    assert f"{out}: 1 weights of {TOSSES} variables" in shown.err
    made = read_deepdive(out)
    assert abs(made.graph.logic.weights[0] - np.log(8) / 2) < 0.02
    assert made.evidence == read_deepdive(coin).evidence
    assert main(["infer", str(out), "--evidence", str(out), "--method", "exact"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    chances = {row[0]: float(row[4]) for row in rows if len(row) == 5 and row[0].isdigit()}
    assert [chances[str(toss)] for toss in range(9)] == [1.0] * 8 + [0.0]
    assert all(abs(chances[str(toss)] - 8 / 9) < 0.005 for toss in range(9, TOSSES))


def test_learn_says_what_is_wrong(tmp_path: Path, coin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["learn", str(tmp_path / "nowhere")]) == 2
    assert main(["learn", str(coin), "--method", "magic"]) == 2
    assert "'pcd'" in capsys.readouterr().err
    made = read_deepdive(coin)
    write_deepdive(made.graph, tmp_path / "fixed", made.evidence, np.ones(1, np.bool_))
    assert main(["learn", str(tmp_path / "fixed")]) == 2
    assert "no weight to learn" in capsys.readouterr().err


def test_weights_that_run_away_leave_with_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logic = Logic(range(3), weights={"alike": 0.0})
    for pair in ((0, 1), (1, 2)):
        logic.add("equal", *pair, weight="alike")
    write_deepdive(logic.graph(), tmp_path / "chain", {0: True, 2: True})
    words = ["learn", str(tmp_path / "chain"), "--method", "pcd", "--seed", "1"]
    assert main([*words, "--epochs", "800"]) == 3
    assert "run" in capsys.readouterr().err
    assert main([*words, "--l2", "0.5"]) == 0


def test_files_keep_soft_evidence_and_what_is_given(tmp_path: Path) -> None:
    logic = Logic({0: [0, 1], 1: [0, 1], 2: [3, 5, 9]}, weights={"a": 0.5})
    logic.add("imply", 0, (2, 5), weight="a")
    logic.add("and", 0, 1, weight=0.25)
    soft = {1: np.array([0.2, 0.8]), 2: np.array([0.0, 0.5, 0.5])}
    write_deepdive(logic.graph(), tmp_path / "out", {0: 1}, None, soft, [0])
    made = read_deepdive(tmp_path / "out")
    assert made.evidence == {0: 1}
    assert made.given == [0]
    assert made.fixed.tolist() == [False, True]
    assert {v: row.tolist() for v, row in made.truthiness.items()} == {v: row.tolist() for v, row in soft.items()}
    assert list(made.graph.labels(2)) == [3, 5, 9]


def test_predictions_are_judged_by_what_happened() -> None:
    rng = np.random.default_rng(0)
    chances = rng.random(20_000)
    good = si.diagnostics.reliability(chances, rng.random(20_000) < chances, bins=10)
    assert good.counts.sum() == 20_000
    assert good.error < 0.02
    assert good.within().sum() >= 8
    bold = si.diagnostics.reliability(np.where(chances > 0.5, 0.99, 0.01), rng.random(20_000) < chances)
    assert abs(bold.error - 0.24) < 0.02
    assert not bold.within().any()
    sure = si.diagnostics.reliability([0.0, 1.0, 1.0], [False, True, True], bins=1)
    assert sure.lower[0] < sure.frequency[0] < sure.upper[0]
    assert sure.brier == 0.0


@pytest.mark.parametrize(("p", "y", "bins"), [([0.1], [1, 0], 5), ([1.2], [1], 5), ([0.2], [2], 5), ([0.2], [1], 0), ([], [], 5)])
def test_what_cannot_be_judged(p: list[float], y: list[int], bins: int) -> None:
    with pytest.raises(si.StochinfError, match="reliability"):
        si.diagnostics.reliability(p, y, bins)


def test_a_plot_of_reliability() -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    ax = si.diagnostics.reliability([0.1, 0.2, 0.7], [0, 1, 1], bins=3).plot()
    assert ax.get_xlabel() == "predicted probability"
    plt.close("all")


def test_the_example_learns_and_predicts(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    module = example("knowledge_base")
    monkeypatch.setattr(module, "PEOPLE", 60)
    assert module.main([]) == 0
    shown = capsys.readouterr().out
    assert "calibration error" in shown
    for line in shown.splitlines():
        if "planted" in line:
            planted, learnt, error = (float(word) for word in (line.split()[-5], line.split()[-3], line.split()[-1]))
            assert abs(learnt - planted) < 4 * error


DEEPDIVE = Path(os.environ.get("STOCHINF_DATA", "/nowhere")) / "graphical" / "deepdive" / "sampler" / "test"
MARGINALS = {
    "biased_coin": {17: [1 / 9, 8 / 9]},
    "biased_coin_truthiness": {17: [0.2, 0.8]},
    "biased_coin_with_multinomial": {17: [1 / 9, 8 / 9]},
    "biased_coin_continuous": {17: [0.5, 0.5]},
    "sparse_domains": {12: [0.1, 0.2, 0.3, 0.4], 18: [1 / 7, 2 / 7, 4 / 7], 19: [1 / 3, 2 / 3]},
}


@pytest.mark.skipif(not DEEPDIVE.exists(), reason="needs the graphs of DeepDive's sampler: set STOCHINF_DATA")
@pytest.mark.parametrize("case", MARGINALS)
def test_marginals_of_dimmwitted(case: str) -> None:
    learnt = si.learn_weights(DEEPDIVE / case, method="pcd", rng=1, se=False)
    found = si.marginals(learnt.graph, read_deepdive(DEEPDIVE / case).evidence)
    for node, chances in MARGINALS[case].items():
        assert np.abs(found[node] - chances).max() < 0.005
