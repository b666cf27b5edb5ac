"""Paths along gradients of functions: plain or compiled, the same; what the function does wrong is said."""

import numba
import numpy as np
import pytest

import stochinf as si
from stochinf import optim

MATRIX = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 3.0]])
START = [1.0, -2.0, 0.5]


def slope(x):
    out = np.zeros(3)
    for i in range(3):
        for j in range(3):
            out[i] += MATRIX[i, j] * x[j]
    return out


def scribble(x):
    out = slope(x)
    x[:] = 0.0
    return out


def by_hand(steps, rate=0.1, mu=0.5):
    x, velocity, path = np.array(START), np.zeros(3), []
    for _ in range(steps):
        velocity = mu * velocity + slope(x)
        x = x - rate * velocity
        path.append(x)
    return np.array(path)


@pytest.mark.fast
@pytest.mark.parametrize("function", [slope, scribble, numba.njit(slope)], ids=["plain", "one that writes there", "compiled"])
def test_a_path_is_that_of_the_formula(function):
    rule = optim.Momentum(0.1, 0.5)
    np.testing.assert_allclose(optim.trajectory(rule, START, function, 30), by_hand(30), rtol=1e-12)


def test_the_second_path_of_a_compiled_gradient_is_the_first():
    compiled = numba.njit(slope)
    first, second = (optim.trajectory(optim.Momentum(0.1, 0.5), START, compiled, 30) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def fails(x):
    if x[0] < 0.9:
        raise ValueError("too small")
    return x


BAD = {
    "a plain function that raises": (fails, ValueError, "too small"),
    "a compiled one that raises": (numba.njit(fails), ValueError, "too small"),
    "one that divides by zero": (lambda x: 1 // (0 * len(x)), si.StochinfError, "ZeroDivision"),
    "a compiled one of another shape": (numba.njit(lambda x: x[:2]), si.StochinfError, r"shape \(2,\); \(3,\) is needed"),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_of_the_function_come_out(case):
    function, error, message = BAD[case]
    with pytest.raises(error, match=message):
        optim.trajectory(optim.Momentum(0.1, 0.5), START, function, 30)


def test_what_cannot_be_compiled_is_said():
    with pytest.raises(si.StochinfError, match="cannot be compiled"):
        optim.trajectory(optim.Momentum(0.1, 0.5), START, numba.njit(lambda x: x.nothing()), 3)
