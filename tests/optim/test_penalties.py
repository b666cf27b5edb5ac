"""Penalties: proximal maps against a grid, distances against differences, conjugates against the Fenchel-Young inequality."""

import math

import numpy as np
import pytest

import stochinf as si

pytestmark = pytest.mark.fast

PENALTIES = {
    "l1": si.models.L1(0.7),
    "elastic net": si.models.ElasticNet(0.7, 0.3),
    "box": si.models.Box(-0.5, 1.0),
    "non-negative": si.models.Box(0.0),
    "mcp": si.models.MCP(0.7, 3.0),
    "scad": si.models.SCAD(0.7, 3.7),
}
POINTS = np.linspace(-4, 4, 41)


@pytest.mark.parametrize("step", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("name", PENALTIES)
def test_prox_is_the_minimum(name: str, step: float) -> None:
    penalty, grid = PENALTIES[name], np.linspace(-5, 5, 10_001)
    values = np.array([penalty.penalty_value(x) for x in grid])
    for v in POINTS:
        x = penalty.prox(v, step)
        least = np.min(0.5 * (grid - v) ** 2 + step * values)
        assert 0.5 * (x - v) ** 2 + step * penalty.penalty_value(x) <= least + 1e-12


@pytest.mark.parametrize("name", PENALTIES)
def test_a_prox_of_a_short_step_is_optimal(name: str) -> None:
    """x = prox(v, s) if and only if (v - x) / s is a subgradient at x, for steps at which the sum is convex."""
    penalty, step = PENALTIES[name], 0.5
    for v in POINTS:
        x = penalty.prox(v, step)
        assert penalty.distance(x, (v - x) / step) < 1e-12
    inside = 0.3
    slope = (penalty.penalty_value(inside + 1e-6) - penalty.penalty_value(inside - 1e-6)) / 2e-6
    assert penalty.distance(inside, slope + 0.25) == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize("name", ["l1", "elastic net", "box", "non-negative"])
def test_duality_is_the_fenchel_young_sum(name: str) -> None:
    penalty, grid = PENALTIES[name], np.linspace(-50, 50, 200_001)
    values = np.array([penalty.penalty_value(x) for x in grid])
    for v in (-2.0, -0.6, 0.0, 0.3, 0.7, 1.5):
        feasible = v / max(penalty.excess(v), 1.0)
        conjugate = np.max(feasible * grid - values)
        for w in (0.0, 0.4, 1.0):
            duality = penalty.duality(w, feasible)
            assert duality >= 0
            if math.isfinite(duality):
                assert duality == pytest.approx(penalty.penalty_value(w) + conjugate - feasible * w, abs=1e-6)
            else:
                assert conjugate >= 0.3 * 50


@pytest.mark.parametrize("name", PENALTIES)
def test_slack_is_safe(name: str) -> None:
    """A gradient that moves by less than the slack leaves zero optimal."""
    penalty = PENALTIES[name]
    for v in POINTS:
        slack = penalty.slack(v)
        if slack > 0:
            assert penalty.distance(0.0, v + 0.999 * slack) == penalty.distance(0.0, v - 0.999 * slack) == 0.0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: si.models.L1(-1.0), "l1 = -1.0"),
        (lambda: si.models.ElasticNet(1.0, math.nan), "l2 = nan"),
        (lambda: si.models.Box(1.0, 0.0), "must not exceed"),
        (lambda: si.models.MCP(0.0), "above 0"),
        (lambda: si.models.MCP(1.0, 1.0), "above 1"),
        (lambda: si.models.SCAD(1.0, 2.0), "above 2"),
    ],
)
def test_strengths_are_checked(make, words: str) -> None:
    with pytest.raises(si.StochinfError, match=words):
        make()
