"""Learning curves: too large a rate, too small a one, and the right one are told apart."""

import math

import numpy as np
import pytest
from scipy.optimize import OptimizeResult

import stochinf as si

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 3))
MODEL = si.models.LinearRegression(X, X @ [1.0, -2.0, 0.5] + RNG.normal(size=100))


@pytest.mark.parametrize(
    ("rate", "verdict"), [(1e-5, "stagnating"), (0.02, "settling"), (0.25, "oscillating"), (5.0, "diverging")]
)
def test_the_rate_is_judged(rate, verdict):
    result = si.minimize(MODEL, si.optim.SGD(rate), stop=si.stop.epochs(40), rng=0)
    curve = si.diagnostics.learning_curve(result)
    assert curve.verdict == verdict
    assert verdict in repr(curve)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([math.exp(-k) for k in range(30)], "settling"),
        ([1.0 - 0.01 * k for k in range(30)], "stagnating"),
        ([1.0 / (k + 1) + 0.2 * (-1) ** k for k in range(30)], "oscillating"),
        ([1.0, 2.0, 4.0], "diverging"),
        ([1.0, math.nan], "diverging"),
        ([1.0, 0.5], "too short"),
        ([1.0] * 20, "settling"),
    ],
)
def test_curves_of_known_shape(values, verdict):
    assert si.diagnostics.learning_curve(list(enumerate(values))).verdict == verdict


@pytest.mark.fast
def test_what_is_no_history_is_refused():
    for wrong in ([], [1.0, 2.0], np.zeros((3, 3)), [object()], [(0, 1.0), (1,)]):
        with pytest.raises(si.StochinfError, match="pairs of step and objective"):
            si.diagnostics.learning_curve(wrong)


@pytest.mark.fast
def test_a_plot_has_a_line_for_each_with_its_verdict():
    drawn = []

    class Axes:
        def plot(self, steps, values, label):
            drawn.append((label, values))

        def __getattr__(self, name):
            return lambda *_: None

    curve = [(k, 1.0 + 0.5**k) for k in range(20)]
    assert isinstance(si.diagnostics.plot_trace({"a": curve, "b": curve}, ax=Axes(), baseline=1.0), Axes)
    assert [label for label, _ in drawn] == ["a: settling", "b: settling"]
    np.testing.assert_allclose(drawn[0][1], [0.5**k for k in range(20)])
    drawn.clear()
    si.diagnostics.plot_trace([OptimizeResult(history=curve), OptimizeResult(history=curve)], ax=Axes())
    assert [label for label, _ in drawn] == ["run 0: settling", "run 1: settling"]
