"""The examples of posteriors run and say what they should."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def numbers(text: str, label: str) -> list[float]:
    line = next(line for line in text.splitlines() if line.startswith(label))
    return [float(word) for word in re.findall(r"-?\d+\.\d+", line.removeprefix(label))]


def test_the_funnel_of_eight_schools_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    example("eight_schools").main([])
    shown = capsys.readouterr().out
    assert "most where tau is small" in " ".join(shown.split())
    mean, sd, _ = numbers(shown, "A ")
    assert abs(mean - 6.2) < 0.6
    assert abs(sd - 5.6) < 0.8


def test_a_mixture_is_found_again(capsys: pytest.CaptureFixture[str]) -> None:
    example("mixture").main([])
    shown = capsys.readouterr().out
    for label in ("weight", "mean[0]", "mean[1]", "width[0]", "width[1]"):
        truth, _, mean, sd = numbers(shown, label)
        assert abs(mean - truth) < 4 * sd
    assert re.search(r"\d+ of 400 points are in doubt", shown)
