"""The examples of posteriors run and say what they should."""

import re

import pytest
from running_examples import example, numbers


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
