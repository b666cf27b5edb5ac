"""NUTS with all its defaults on posteriors whose means and widths are known without sampling: right, or not in silence."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from known_posteriors import KNOWN, TREACHEROUS, compared, warned

QUICK = ("correlated normal", "change point", "correlations")
OFTEN = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in KNOWN]


@pytest.mark.parametrize("name", OFTEN)
def test_means_and_widths_are_right_or_doubted(name: str) -> None:
    verdict, figures = compared(name, seed=0)
    assert verdict in ("right", "warns"), figures
    if name in QUICK:
        assert verdict == "right", figures


@pytest.mark.parametrize("name", TREACHEROUS)
def test_what_cannot_be_right_is_not_silent(name: str) -> None:
    assert warned(name, seed=0)
