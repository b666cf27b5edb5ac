"""Constrained values and their volumes: against numerical derivatives, back and forth, and many draws at once."""

import math
from typing import Any

import numpy as np
import pytest

from stochinf import density as sd
from stochinf.engine.errors import StochinfError

pytestmark = pytest.mark.fast

KNOWN = {"a": 0.3, "high": np.array([1.0, 2.0, 3.0])}
CASES = {
    "real": sd.real((2, 3)),
    "number": sd.real(),
    "positive": sd.positive(3),
    "interval": sd.interval(-1, 2, shape=(2, 2)),
    "bounds of an array": sd.interval(np.array([0.0, -1.0]), np.array([1.0, 5.0]), shape=2),
    "bound of a parameter": sd.interval(0, lambda a: 1 - a),
    "bound of data": sd.interval("a", "high", shape=3),
    "above": sd.interval(lower=2.0, shape=2),
    "below": sd.interval(upper=lambda a: a),
    "affine": sd.affine("a", lambda a: 2 * a, shape=3),
    "affine arrays": sd.affine("high", np.array([0.5, 1.0, 2.0]), shape=3),
    "ordered": sd.ordered(4),
    "ordered rows": sd.ordered(3, shape=2),
    "positive_ordered": sd.positive_ordered(3),
    "positive_ordered rows": sd.positive_ordered(3, shape=2),
    "simplex": sd.simplex(4),
    "simplex rows": sd.simplex(3, shape=2),
    "cholesky_corr": sd.cholesky_corr(4),
    "several cholesky_corr": sd.cholesky_corr(3, shape=2),
    "real of three axes": sd.real((2, 3, 2)),
    "positive of four axes": sd.positive((2, 1, 3, 2)),
    "interval of three axes": sd.interval(-1, "high", shape=(2, 2, 3)),
    "affine of three axes": sd.affine("high", 2.0, shape=(2, 1, 3)),
    "ordered of three axes": sd.ordered(3, shape=(2, 2)),
    "positive_ordered of four axes": sd.positive_ordered(2, shape=(2, 1, 3)),
    "simplex of three axes": sd.simplex(3, shape=(2, 2)),
    "cholesky_corr of four axes": sd.cholesky_corr(3, shape=(2, 2)),
}


def coordinates(name: str, value: Any) -> np.ndarray:
    """As many numbers of a value as there are free ones."""
    if "simplex" in name:
        return np.asarray(value)[..., :-1].reshape(-1)
    if "cholesky" in name:
        matrices = np.asarray(value)
        return matrices[..., *np.tril_indices(matrices.shape[-1], -1)].reshape(-1)
    return np.asarray(value, dtype=float).reshape(-1)


@pytest.mark.parametrize("name", CASES)
def test_the_volume_is_that_of_numerical_derivatives(name: str) -> None:
    parameter = CASES[name]
    free = np.random.default_rng(1).normal(size=parameter.size)
    columns = []
    for k in range(free.size):
        ends = []
        for step in (1e-5, -1e-5):
            moved = free.copy()
            moved[k] += step
            ends.append(coordinates(name, parameter.constrain(moved, KNOWN)))
        columns.append((ends[0] - ends[1]) / 2e-5)
    volume = np.linalg.slogdet(np.array(columns))[1]
    assert float(parameter.log_jacobian(free, KNOWN)) == pytest.approx(volume, abs=1e-7)


@pytest.mark.parametrize("name", CASES)
def test_values_lead_back_to_their_free_numbers(name: str) -> None:
    parameter = CASES[name]
    free = np.random.default_rng(2).normal(size=parameter.size)
    value = np.asarray(parameter.constrain(free, KNOWN), dtype=float)
    assert value.shape == parameter.shape
    np.testing.assert_allclose(parameter.unconstrain(value, KNOWN), free, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_many_draws_are_as_one_by_one(name: str) -> None:
    parameter = CASES[name]
    free = np.random.default_rng(3).normal(size=(parameter.size, 5))
    a = np.linspace(0.1, 0.2, 5)
    everything = np.asarray(parameter.constrain(free, {"a": a, "high": KNOWN["high"][:, None]}))
    for draw in range(5):
        one = np.asarray(parameter.constrain(free[:, draw], {**KNOWN, "a": a[draw]}))
        np.testing.assert_allclose(everything[..., draw], one, rtol=1e-14, atol=1e-15)


def test_constraints_hold_far_out() -> None:
    far = np.array([-500.0, 0.0, 500.0])
    simplex = sd.simplex(4).constrain(far, {})
    assert simplex.sum() == pytest.approx(1)
    assert math.isfinite(float(sd.simplex(4).log_jacobian(far, {})))
    factor = sd.cholesky_corr(3).constrain(far / 25, {})
    np.testing.assert_allclose((factor**2).sum(axis=1), 1, rtol=1e-12)
    assert math.isfinite(float(sd.cholesky_corr(3).log_jacobian(far, {})))
    assert np.all(np.diff(sd.ordered(3).constrain(far / 25, {})) >= 0)


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        (sd.positive(), -1.0, "above 0"),
        (sd.interval(0, 1), 1.5, "between 0.0 and 1.0"),
        (sd.interval(1, lambda a: a), 0.5, "bounds cross: lower = 1.0, upper = 0.3"),
        (sd.affine(0, lambda a: -a), 1.0, "its scale -0.3 is not above 0"),
        (sd.ordered(2), [1.0, 0.0], "each number above the one before"),
        (sd.positive_ordered(2), [-1.0, 0.0], "above 0, each above"),
        (sd.simplex(2), [0.5, 0.6], "sum to 1"),
        (sd.simplex(2), [-0.5, 1.5], "above 0"),
        (sd.cholesky_corr(2), [[1.0, 0.0], [0.5, 0.5]], "rows of length 1"),
        (sd.cholesky_corr(2), [[1.0, 0.5], [0.0, 1.0]], "zeros above the diagonal"),
    ],
)
def test_values_that_break_a_constraint(parameter: Any, value: Any, message: str) -> None:
    with pytest.raises(StochinfError, match=message):
        parameter.unconstrain(np.array(value), KNOWN)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sd.interval(2, 1), "lower = 2, upper = 1; the lower bound lies below"),
        (lambda: sd.interval(1, 1), "lies below"),
        (lambda: sd.interval(math.inf, 3), "lies below"),
        (lambda: sd.interval(np.array([0.0, 2.0]), 1.0, shape=2), "lies below"),
        (lambda: sd.interval(np.zeros(3), 1.0, shape=2), r"parameter's shape \(2,\)"),
        (lambda: sd.interval(math.nan, 1.0), "lower = nan"),
        (lambda: sd.interval([[0.0], 1.0], 1.0), "a number, an array, a name or a function"),
        (lambda: sd.affine(scale=0), "scale = 0.0; numbers above 0"),
        (lambda: sd.affine(centre=math.inf), "centre = inf; finite numbers"),
        (lambda: sd.real((2, 0, 2)), "at least 1"),
        (lambda: sd.real(0), "at least 1"),
        (lambda: sd.positive(2.5), "whole number"),
        (lambda: sd.simplex(1), "at least 2"),
        (lambda: sd.cholesky_corr(1), "at least 2"),
    ],
)
def test_parameters_that_cannot_be(call: Any, message: str) -> None:
    with pytest.raises(StochinfError, match=message):
        call()
