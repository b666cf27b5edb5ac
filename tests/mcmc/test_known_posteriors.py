"""NUTS with all its defaults on posteriors whose means and widths are known without sampling: right, or not in silence."""

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "known_posteriors.py"
specification = importlib.util.spec_from_file_location("known_posteriors", FILE)
assert specification is not None
assert specification.loader is not None
sys.modules["known_posteriors"] = known = importlib.util.module_from_spec(specification)
specification.loader.exec_module(known)
KNOWN, TREACHEROUS, compared, warned = known.KNOWN, known.TREACHEROUS, known.compared, known.warned

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
