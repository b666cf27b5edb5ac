"""Reverse mode, forward mode and finite differences agree on every operation; so do second derivatives."""

import numpy as np
import pytest
from density_functions import FUNCTIONS, POINT

from stochinf.density.derivatives import forward, gradient
from stochinf.density.interpreter import evaluate
from stochinf.density.tracing import trace

pytestmark = pytest.mark.fast
DIRECTION = np.array([0.5, -0.3, 0.8, 1.0, -0.6, 0.2])


def slope(function, position: np.ndarray, direction: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """The derivative along a direction by differences of sixth order."""
    weights = {1: 45.0, 2: -9.0, 3: 1.0}
    total = sum(
        w * (function(position + k * step * direction) - function(position - k * step * direction)) for k, w in weights.items()
    )
    return total / (60.0 * step)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_reverse_forward_and_finite_differences_agree(name: str) -> None:
    found = trace(FUNCTIONS[name], 6)
    value, gradient_there = evaluate(gradient(found.graph), [POINT], found.data)
    assert gradient_there.shape == (6,)
    again, change = evaluate(forward(found.graph), [POINT, DIRECTION], found.data)
    np.testing.assert_allclose(value, FUNCTIONS[name](POINT), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(again, value, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gradient_there @ DIRECTION, change, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(change, slope(FUNCTIONS[name], POINT, DIRECTION), rtol=1e-6, atol=1e-7)
