"""The examples run, with small numbers, and say what they should."""

import importlib.util
import re
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from running_examples import drawn, example, picture

import stochinf as si


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples that read the command line find none of pytest's words there."""
    monkeypatch.setattr(sys, "argv", ["example.py"])


def numbers(text: str, label: str) -> list[float]:
    line = next(line for line in text.splitlines() if line.startswith(label))
    return [float(word) for word in re.findall(r"\d+\.\d+", line.removeprefix(label))]


def test_coin_prints_exact_beside_sampled(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("coin").main([]) == 0
    shown = capsys.readouterr().out
    assert "62 heads, 38 tails" in shown
    for label, exact, room in (("mean", 0.6176, 0.008), ("sd", 0.0479, 0.006), ("P(|theta - 1/2| > 0.05)", 0.9187, 0.03)):
        known, sampled = numbers(shown, label)
        assert abs(known - exact) < 6e-5
        assert abs(sampled - exact) < room
    assert numbers(shown, "94% interval")[:2] == [0.526, 0.706]
    assert numbers(shown, "Bayes factor") == [2.21]


def test_coin_reads_a_series(capsys: pytest.CaptureFixture[str]) -> None:
    coin = example("coin")
    assert coin.main(["HHTHT", "TTHHH", "--margin", "0.1", "--draws", "50"]) == 0
    shown = capsys.readouterr().out
    assert "6 heads, 4 tails" in shown
    assert "speaks for fairness" in shown
    assert coin.counted("hT") == (1, 1)


def test_coin_asks_arviz(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("coin").main(["--arviz"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^arviz \d", shown, re.MULTILINE)
    assert "ess_bulk" in shown.split("arviz")[1]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("given", "culprit"),
    [
        (["HHXT"], "flip 3 is 'X'"),
        (["HT", "--margin", "0.5"], "margin = 0.5"),
        (["HT", "--prior", "0", "1"], "prior = (0.0, 1.0)"),
        (["HT", "--draws", "0"], "draws = 0"),
    ],
)
def test_coin_refuses_nonsense(given: list[str], culprit: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert example("coin").main(given) == 2
    said = capsys.readouterr()
    assert culprit in said.err
    assert said.out == ""


def test_ising_falls_off_with_distance(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("ising").main(["--side", "10", "--draws", "200"]) == 0
    rows = re.findall(r"^ +\d+  (\d\.\d+) \+- ", capsys.readouterr().out, re.MULTILINE)
    chances = [float(chance) for chance in rows]
    assert len(chances) == 10
    assert chances[0] == 1.0
    assert chances[1] > chances[3] > chances[6] > 0.45


@pytest.mark.fast
def test_ising_refuses_nonsense(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("ising").main(["--side", "0"]) == 2
    assert capsys.readouterr().err.startswith("ising.py: ")


def test_user_kernel_runs_like_the_built_in_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("user_kernel").main() == 0
    shown = capsys.readouterr().out
    assert "the same bits? True" in shown
    mean, sd, *_ = numbers(shown, "theta")
    assert abs(mean - 0.6176) < 0.005
    assert abs(sd - 0.0479) < 0.005


@pytest.mark.parametrize("name", ["logistic_regression", "rbm_digits"])
@pytest.mark.usefixtures("arguments")
def test_others_run(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not example(name).main()
    assert len(capsys.readouterr().out.splitlines()) > 2


def test_the_magnetisation_is_onsagers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = picture(tmp_path)
    transition = example("phase_transition")
    assert transition.main(["--sizes", "8", "24", "--draws", "50", *words]) == 0
    assert drawn(words)
    rows = [[float(word) for word in re.findall(r"\d+\.\d+", line)] for line in capsys.readouterr().out.splitlines()[1:16]]
    assert abs(transition.onsager(2.0) - 0.9113) < 1e-4
    for t, exact, *sampled in rows:
        assert abs(exact - transition.onsager(t)) < 1e-4
        if t < 2.1:
            assert abs(sampled[2] - exact) < max(5 * sampled[3], 0.004)
        if t > 2.5:
            assert sampled[2] < sampled[0] - 0.1


def test_the_findings_point_to_the_disease(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = picture(tmp_path)
    assert example("liver").main(["--draws", "200", *words]) == 0
    assert drawn(words)
    shown = capsys.readouterr().out
    before, after, sampled, error = numbers(shown, "primary biliary cirrhosis")
    assert (before, after) == (0.3848, 0.7649)
    assert abs(sampled - after) < 5 * error < 0.05
    assert re.search(r"cholesterol a349_240 +\+0\.259", shown)


def test_a_picture_is_restored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = picture(tmp_path)
    denoise = example("denoise")
    assert denoise.main(["--size", "40", "60", "--draws", "100", "--time", "1", *words]) == 0
    assert drawn(words)
    shown = capsys.readouterr().out
    seen, whole, single = (numbers(shown, f"  {name}")[0] for name in ("as seen", "most probable", "more probable"))
    assert seen > 0.17
    assert whole < 0.08
    assert single < 0.08
    best, by_pixel = numbers(shown, "log score")
    assert best >= by_pixel


def test_the_most_probable_picture_is_the_smallest_cut() -> None:
    """Neighbours that like to agree: the optimum is a minimum cut, which max-flow finds exactly."""
    denoise = example("denoise")
    truth = denoise.scene(16, 20)
    seen = np.where(np.random.default_rng(1).random(truth.shape) < 0.2, -truth, truth)
    graph = denoise.model(seen, 0.2, 0.65)
    network = nx.DiGraph()
    lean = 0.5 * np.log(4.0)
    for node, spin in np.ndenumerate(seen):
        network.add_edge(*(("white", node) if spin > 0 else (node, "black")), capacity=2.0 * lean)
    for one, other in nx.grid_2d_graph(*seen.shape).edges:
        network.add_edge(one, other, capacity=1.3)
        network.add_edge(other, one, capacity=1.3)
    _, (white, _) = nx.minimum_cut(network, "white", "black")
    optimum = denoise.score(graph, np.array([[1 if (r, c) in white else -1 for c in range(20)] for r in range(16)]))
    found = si.map_state(graph, time=1.0, rng=0)
    assert abs(found.log_score - optimum) < 1e-6


def test_cuts_are_larger_than_networkx_finds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = picture(tmp_path)
    cuts = example("max_cut")
    assert cuts.main(["--time", "0.5", *words]) == 0
    assert drawn(words)
    shown = capsys.readouterr().out
    rows = [re.findall(r"[\d,]+|too slow", line[20:]) for line in shown.splitlines()[1:4]]
    for ours, exchanged, halves, everything in rows:
        value = {name: float(word.replace(",", "")) for name, word in (("ours", ours), ("halves", halves), ("all", everything))}
        assert value["halves"] < value["ours"] < value["all"]
        assert exchanged == "too slow" or float(exchanged) <= value["ours"]
    assert "optimal" in shown.splitlines()[1]
    assert abs(value["ours"] - cuts.predicted(cuts.graphs(0)["random, 800 nodes"])) < 0.01 * value["ours"]


@pytest.mark.fast
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("max_cut", ["--time", "0"]),
        ("denoise", ["--flipped", "0.6"]), ("denoise", ["--size", "1", "5"]), ("denoise", ["--draws", "0"]),
        ("denoise", ["--coupling", "nan"]), ("liver", ["--draws", "0"]), ("phase_transition", ["--draws", "-1"]),
    ],
)  # fmt: skip
def test_graph_examples_refuse_nonsense(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert example(name).main(words) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"{name}.py: ")
    assert said.out == ""


def test_the_zoo_races_every_rule(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    zoo = example("sgd_zoo")
    plot = ["--plot", str(tmp_path / "zoo.png")] if importlib.util.find_spec("matplotlib") else []
    assert zoo.main(["--rules", "SGD", "Adam", "--epochs", "4", *plot]) == 0
    shown = capsys.readouterr().out.splitlines()[1:]
    assert {line.split()[0] for line in shown} == {"SGD", "Adam"}
    for line in shown:
        first, last = (float(word) for word in line.split()[2:])
        assert 0 < last < first < 0.2
    assert not plot or (tmp_path / "zoo.png").stat().st_size > 10_000


def test_schedules_that_fall_come_closer(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("schedules").main(["--epochs", "20", "--seeds", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    ends = {line[:24].strip(): float(line.split()[-1]) for line in lines}
    assert len(ends) == 12
    assert max(ends[name] for name in ("cosine", "exponential", "step")) < 0.1 * ends["constant"]
    assert ends["exponential, too fast"] > 10 * ends["exponential"]


def test_rates_that_grow_with_the_batch_achieve_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("batch_scaling").main(["--epochs", "3", "--seeds", "1"]) == 0
    rows = [[float(word) for word in line.split()] for line in capsys.readouterr().out.splitlines()[2:]]
    table = {int(batch): (same, scaled) for batch, _, same, scaled, _ in rows}
    assert table[16][1] < 1.3 * table[1][1]
    assert table[16][0] > 5 * table[1][0]


def test_black_box_tuning_finds_rates_that_work(capsys: pytest.CaptureFixture[str]) -> None:
    example("black_box").main()
    left = [float(power) for power in re.findall(r"10\^(-?\d+\.\d+)", capsys.readouterr().out)]
    assert len(left) == 4
    assert max(left) < -2.0


def test_lasso_path_names_features_as_they_enter(capsys: pytest.CaptureFixture[str], arguments: None) -> None:
    example("lasso_path").main()
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[:2]} == {"bmi", "s5"}
    assert len(lines) == 11
    assert "largest gap" in lines[-1]
