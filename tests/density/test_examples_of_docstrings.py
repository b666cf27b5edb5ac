"""The examples in the docstrings of parameters, distributions and ready posteriors say what comes of them."""

import doctest
import importlib

import pytest

PLACES = (
    "density.parameters", "density.special", "density.checking", "density.distributions.continuous",
    "density.distributions.counts", "density.distributions.positive", "density.distributions.vectors", "models.bayesian",
)  # fmt: skip


@pytest.mark.fast
@pytest.mark.parametrize("place", PLACES)
def test_examples(place: str) -> None:
    result = doctest.testmod(importlib.import_module(f"stochinf.{place}"))
    assert result.attempted
    assert not result.failed
