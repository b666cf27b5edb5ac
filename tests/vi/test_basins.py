"""Where chains start: in the basin that has the mass, and past saddles."""

import math
import warnings

import numpy as np
import pytest

import stochinf as si
from stochinf.api.starts import starts
from stochinf.density import PointerDensity, python_density
from stochinf.vi.ascent import climb
from stochinf.vi.basins import dominant, look, past_saddles
from stochinf.vi.oracle import Oracle


def mountains(heights: tuple[float, float]) -> PointerDensity:
    """Two normal densities ten apart, with logarithms of their masses."""

    def parts(x: np.ndarray) -> np.ndarray:
        return np.array([h - 0.5 * float((x - c) @ (x - c)) for h, c in zip(heights, (-5.0, 5.0), strict=True)])

    def slope(x: np.ndarray) -> np.ndarray:
        weights = np.exp(parts(x) - np.logaddexp.reduce(parts(x)))
        return weights[0] * (-5.0 - x) + weights[1] * (5.0 - x)

    return python_density(lambda x: float(np.logaddexp.reduce(parts(x))), 2, gradient=slope)


@pytest.mark.fast
def test_basins_of_unequal_mass_are_told_apart() -> None:
    def found(heights: tuple[float, float]):  # type: ignore[no-untyped-def]
        starts = np.random.default_rng(0).uniform(-2, 2, (4, 2))
        oracle, generator = Oracle("test", mountains(heights)), np.random.default_rng(0)
        return dominant(oracle, look(oracle, starts, generator), generator)

    high = found((0.0, 30.0))
    assert high is not None
    np.testing.assert_allclose(high.candidate.mean, 5.0, atol=1e-2)
    assert 25 < high.gap < 35
    assert 0 < high.share < 1
    assert found((0.0, 5.0)) is None
    assert found((0.0, -math.inf)) is None


def test_chains_start_in_the_basin_that_has_the_mass() -> None:
    settings = {"draws": 100, "warmup": 100, "chains": 4, "rng": 0, "progress": False, "threads": 1}
    with warnings.catch_warnings(action="ignore"):
        run = si.sample(mountains((0.0, 26.0)), **settings)
    assert "modes of unequal mass" in run.notes[0]
    assert (run["position"] > 0).all()


def ridge() -> PointerDensity:
    """Modes at x = -1 and 1, and a saddle of log density -40 between them, which climbs along y lead to."""

    def slope(z: np.ndarray) -> np.ndarray:
        return np.array([-160 * z[0] * (z[0] ** 2 - 1), -z[1]])

    return python_density(lambda z: float(-40 * (z[0] ** 2 - 1) ** 2 - 0.5 * z[1] ** 2), 2, gradient=slope)


@pytest.mark.fast
def test_starts_on_a_saddle_are_moved_past_it_on_their_side() -> None:
    points = np.array([[1e-6, 1.0], [1.5, 1.0], [-1e-6, 1.0], *([[-1.2, 0.3]] * 10), [2e-6, -1.0]])
    oracle, generator = Oracle("test", ridge()), np.random.default_rng(0)
    climbs = look(oracle, points, generator)
    assert dominant(oracle, climbs, generator) is None
    moved = past_saddles(oracle, points, climbs)
    assert sorted(moved) == [0, 2, 13]
    for row, point in moved.items():
        assert -20 < oracle.slope(point)[0] < -1e-8
        assert point[0] * points[row, 0] > 0
    assert past_saddles(oracle, points[1:2], look(oracle, points[[1] * 12], generator)) == {}


@pytest.mark.fast
def test_starts_in_modes_of_their_own_stay() -> None:
    points = np.array([[4.0, 5.0], [-4.0, -5.0]])
    oracle = Oracle("test", mountains((0.0, 30.0)))
    climbs = look(oracle, np.repeat(points, 6, axis=0), np.random.default_rng(0))
    assert past_saddles(oracle, points, climbs) == {}


def test_chains_of_a_mixture_start_past_its_saddles_and_that_is_told() -> None:
    generator = np.random.default_rng(0)
    y = np.where(generator.random(1000) < 0.6, -2.8, 2.8) + generator.standard_normal(1000)
    density = si.models.mixture(y, location=0.0, scale=1.0)
    part, kernel = density.as_target(), si.mcmc.NUTS()
    told = []
    for seed in range(6):
        points, notes = starts(density, part, kernel, None, 4, seed)
        again, _ = starts(density, part, kernel, None, 4, seed)
        if points is None:
            continue
        np.testing.assert_array_equal(points, again)
        told += [seed] if any("stop on a saddle" in note for note in notes) else []
        oracle = Oracle("test", part)
        ends = [climb(oracle, point, 60, 0.2, gain=0.0, memory=6).values[-1] for point in points]
        assert np.ptp(ends) < 20
    settings = {"draws": 50, "warmup": 50, "chains": 4, "rng": told[0], "progress": False}
    with warnings.catch_warnings(action="ignore"):
        one, two = (si.sample(density, threads=threads, **settings) for threads in (1, 2))
    assert any("stop on a saddle" in note for note in one.notes)
    np.testing.assert_array_equal(one["mu"], two["mu"])
