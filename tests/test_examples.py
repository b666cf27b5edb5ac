"""The examples run, with small numbers, and say what they should."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str) -> ModuleType:
    """Load an example as a module that its classes can be found in."""
    specification = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


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
