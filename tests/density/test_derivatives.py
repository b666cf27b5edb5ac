"""Reverse mode, forward mode and finite differences agree on every operation; so do second derivatives."""

import numpy as np
import pytest
from density_functions import FUNCTIONS, POINT
from density_programs import DIM, program
from scipy import special

from stochinf.density import TraceError
from stochinf.density.derivatives import forward, gradient
from stochinf.density.graph import Graph
from stochinf.density.interpreter import evaluate
from stochinf.density.special import log_gamma, log_sum_exp
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


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_random_programs(first: int) -> None:
    for seed in range(first, first + 20):
        function = program(seed)
        position, direction = 0.7 * np.random.default_rng(seed).normal(size=(2, DIM))
        found = trace(function, DIM)
        value, gradient_there = evaluate(gradient(found.graph), [position], found.data)
        _, change = evaluate(forward(found.graph), [position, direction], found.data)
        scale = 1.0 + np.abs(gradient_there).sum()
        assert abs(value - function(position)) < 1e-11 * scale, seed
        assert abs(gradient_there @ direction - change) < 1e-10 * scale, seed
        assert abs(change - slope(function, position, direction, 1e-4)) < 1e-5 * scale, seed


def hessian(graph: Graph, position: np.ndarray, data: dict) -> np.ndarray:
    """Columns of second derivatives, by forward mode over reverse mode."""
    moved = forward(gradient(graph))
    return np.stack([evaluate(moved, [position, direction], data)[3] for direction in np.eye(position.size)], axis=1)


@pytest.mark.parametrize("name", ["normal", "logaddexp", "division", "cholesky", "matrices", "logsumexp", "garch", "forward"])
def test_second_derivatives_are_symmetric_and_those_of_the_gradient(name: str) -> None:
    found = trace(FUNCTIONS[name], 6)
    both = gradient(found.graph)
    second = hessian(found.graph, POINT, found.data)
    np.testing.assert_allclose(second, second.T, rtol=1e-9, atol=1e-9)
    expected = slope(lambda x: evaluate(both, [x], found.data)[1], POINT, DIRECTION)
    np.testing.assert_allclose(second @ DIRECTION, expected, rtol=1e-6, atol=1e-6)


def gradient_at(function, position: list[float]) -> np.ndarray:
    found = trace(function, len(position))
    return evaluate(gradient(found.graph), [np.array(position)], found.data)[1]


def test_a_branch_that_is_not_taken_gives_no_nan() -> None:
    assert (gradient_at(lambda x: np.where(x > 0, x * x, 0.0).sum(), [0.0, -1.0, 2.0]) == [0.0, 0.0, 4.0]).all()
    assert (gradient_at(lambda x: special.xlogy(x[0], x[1]), [0.0, 0.0]) == [0.0, 0.0]).all()


def test_zeros_in_log_space_give_no_nan() -> None:
    """Impossible states are -infinity, and nothing that follows from them is NaN."""
    closed = np.array([[0.0, -np.inf], [-np.inf, -np.inf]])
    assert np.isfinite(gradient_at(lambda x: log_sum_exp(closed + x, axis=0)[0], [0.3, 0.4])).all()
    assert (gradient_at(lambda x: np.exp(log_sum_exp(np.where(x > 9, x, -np.inf))), [1.0, 2.0]) == 0.0).all()
    assert (gradient_at(lambda x: np.exp(np.logaddexp(*np.where(x > 9, x, -np.inf))), [1.0, 2.0]) == 0.0).all()


def test_ties_share_a_maximum() -> None:
    assert (gradient_at(np.max, [2.0, 2.0, 1.0]) == [0.5, 0.5, 0.0]).all()
    assert (gradient_at(lambda x: np.maximum(x[0], x[1]), [2.0, 2.0]) == [1.0, 0.0]).all()


def test_powers_at_zero() -> None:
    assert (gradient_at(lambda x: x[0] ** 1.5 + x[1] ** 2 + 0.0 ** x[2], [0.0, 0.0, 2.0]) == [0.0, 0.0, 0.0]).all()


def test_a_function_that_does_not_look_has_the_gradient_zero() -> None:
    assert (gradient_at(lambda x: 3.0 + 0.0 * np.floor(x).sum(), [1.5, 2.5]) == 0.0).all()


def test_a_third_derivative_of_log_gamma_is_refused() -> None:
    assert hessian(trace(lambda x: log_gamma(x[0]), 1).graph, np.ones(1), {})[0, 0] == pytest.approx(np.pi**2 / 6)
    with pytest.raises(TraceError, match="third derivative"):
        forward(gradient(trace(lambda x: special.digamma(x[0]), 1).graph))


def test_a_wrong_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from stochinf.density import partials

    monkeypatch.setitem(partials.PARTIALS, "tanh", (lambda bar, out, x: bar * (1.0 + out * out),))
    with pytest.raises(AssertionError):
        test_reverse_forward_and_finite_differences_agree("hyperbolic")
