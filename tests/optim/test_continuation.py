"""Sequences of problems: blurred functions lead to the optimum that the true one hides, paths are warm-started."""

import math

import numpy as np
import pytest

import stochinf as si

START = np.array([3.0, -2.5])


def waves(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] ** 2 + 4.0 - 4.0 * math.cos(5.0 * x[i])
    return total


def slopes(x):
    return np.array([2.0 * v + 20.0 * math.sin(5.0 * v) for v in x])


WAVES = si.Function(waves, 2, slopes)


@pytest.mark.fast
def test_a_blurred_function_is_its_mean():
    sigma, x = 0.4, np.array([0.7, -0.2])
    blurred = si.optim.smoothed(WAVES, sigma, directions=4000)
    exact = sum(v**2 + sigma**2 + 4.0 - 4.0 * math.exp(-12.5 * sigma**2) * math.cos(5.0 * v) for v in x)
    assert blurred.objective(x) == pytest.approx(exact, abs=0.1)
    assert blurred.value(x, 0) == pytest.approx(blurred.objective(x), rel=1e-12)
    few = si.optim.smoothed(WAVES, sigma, directions=5)
    slope = np.empty(2)
    few.gradient(x, 0, slope)
    h = 1e-6
    numeric = [(few.value(x + h * e, 0) - few.value(x - h * e, 0)) / (2 * h) for e in np.eye(2)]
    np.testing.assert_allclose(slope, numeric, rtol=1e-6)
    assert si.optim.smoothed(WAVES, 0.0).value(x, 0) == waves(x)


@pytest.mark.fast
def test_continuation_finds_what_the_true_function_hides():
    rule = si.optim.NelderMead(0.3, restarts=False)
    assert si.minimize(WAVES, rule, x0=START, rng=0).fun > 1.0
    found = si.continuation(lambda s: si.optim.smoothed(WAVES, s), [1.5, 0.8, 0.4, 0.1, 0.0], rule, START, rng=0)
    assert found.fun < 1e-8
    assert [value for value, _, _ in found.path] == [1.5, 0.8, 0.4, 0.1, 0.0]
    again = si.continuation(lambda s: si.optim.smoothed(WAVES, s), [1.5, 0.8, 0.4, 0.1, 0.0], rule, START, rng=0)
    assert again.x.tobytes() == found.x.tobytes()


@pytest.mark.fast
def test_rules_of_gradients_follow_a_sequence_too():
    found = si.continuation(
        lambda s: si.optim.smoothed(WAVES, s),
        [1.0, 0.5, 0.2, 0.0],
        lambda s: si.optim.SGD(0.01),
        START,
        stop=si.stop.steps(100),
        rng=0,
    )
    assert found.fun < 1e-3
    with pytest.raises(si.StochinfError, match="at least one value"):
        si.continuation(lambda s: WAVES, [])
    with pytest.raises(si.StochinfError, match="sigma = -1"):
        si.optim.smoothed(WAVES, -1)
