"""Densities behind C pointers: compiled, foreign and plain Python ones give the same draws under one compiled sampler."""

import ctypes
import math

import numba
import numpy as np
import pytest

import stochinf as si
from stochinf.density import SIGNATURE, Foreign, PointerDensity, python_density, wanted
from stochinf.density.pointer import C_TYPE
from stochinf.engine import cache
from stochinf.engine.jit import JIT, entry

SETTINGS = {"draws": 200, "warmup": 50, "chains": 2, "rng": 3}


def one_normal(x: np.ndarray) -> float:
    return -0.5 * x[0] * x[0]


@numba.cfunc(SIGNATURE)
def compiled_normal(n, x, gradient, out, data):  # type: ignore[no-untyped-def]
    out[0] = -0.5 * x[0] * x[0]
    return 0


def foreign_normal() -> Foreign:
    def call(n, x, gradient, out, data):  # type: ignore[no-untyped-def]
        out[0] = -0.5 * x[0] * x[0]
        return 0

    callback = C_TYPE(call)
    return Foreign(ctypes.cast(callback, ctypes.c_void_p).value or 0, callback)


@pytest.mark.fast
def test_one_density_through_every_door() -> None:
    plain = si.sample(python_density(one_normal, 1), **SETTINGS)["position"]
    foreign = si.sample(PointerDensity(foreign_normal(), 1), **SETTINGS)["position"]
    np.testing.assert_array_equal(plain, foreign)
    if JIT:
        misses = cache.statistics["misses"]
        np.testing.assert_array_equal(si.sample(PointerDensity(compiled_normal, 1), **SETTINGS)["position"], foreign)
        assert cache.statistics["misses"] == misses


@pytest.mark.fast
def test_a_pointer_gives_what_the_function_gives() -> None:
    density = python_density(lambda x: float(-(x**2).sum()), 3)
    assert density.log_density(np.array([1.0, 2.0, 3.0])) == -14.0


@pytest.mark.fast
def test_nothing_finite_is_counted_and_rejected() -> None:
    def hole(x: np.ndarray) -> float:
        if x[0] > 0.5:
            return math.log(-x[0])
        if x[0] > 0.4:
            return 1 / 0
        if x[0] > 0.3:
            return float(np.linalg.cholesky(-np.eye(2))[0, 0])
        return -0.5 * x[0] ** 2 if x[0] > -1.0 else math.nan

    run = si.run(si.mcmc.Metropolis(1.0), python_density(hole, 1), steps=500, init=[0.0], rng=0)
    assert run.nonfinite > 0
    assert run["position"].max() <= 0.3
    assert run["position"].min() > -1.0


class TooFar(Exception):
    """What a user's function raises."""


def failing_beyond(edge: float) -> PointerDensity:
    def normal(x: np.ndarray) -> float:
        if abs(x[0]) > edge:
            raise TooFar(f"nothing is known at {x[0]:.3f}")
        return -0.5 * x[0] * x[0]

    return python_density(normal, 1)


def foreign_failing_beyond(edge: float) -> PointerDensity:
    def call(n, x, gradient, out, data):  # type: ignore[no-untyped-def]
        out[0] = -0.5 * x[0] * x[0]
        return 7 if abs(x[0]) > edge else 0

    callback = C_TYPE(call)
    return PointerDensity(Foreign(ctypes.cast(callback, ctypes.c_void_p).value or 0, callback), 1)


@pytest.mark.fast
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("make", [failing_beyond, foreign_failing_beyond])
def test_an_error_of_the_function_stops_the_run_and_keeps_what_was_drawn(make, threads: int) -> None:  # type: ignore[no-untyped-def]
    settings = {**SETTINGS, "draws": 2_000_000, "threads": threads, "warmup": 0, "kernel": si.mcmc.Metropolis(1.0)}
    with pytest.raises(si.DensityError) as caught:
        si.sample(make(3.6), **settings)
    error = caught.value
    assert abs(error.position[0]) > 3.6
    assert f"at the position [{error.position[0]:.3f}"[:-2] in str(error)
    if make is failing_beyond:
        assert isinstance(error.__cause__, TooFar)
        assert f"raised TooFar: nothing is known at {error.position[0]:.3f}" in str(error)
    else:
        assert error.code == 7
    run = error.run
    kept = run["position"].shape[1]
    assert run.interrupted
    assert run.reason == str(error)
    assert run.nonfinite == 0
    assert 0 < kept == run.n_steps < 2_000_000
    whole = si.sample(make(99.0), **{**settings, "draws": kept})
    np.testing.assert_array_equal(run["position"], whole["position"])
    np.testing.assert_array_equal(run.position, whole.position)


@pytest.mark.fast
def test_sums_are_put_back_too() -> None:
    kernel, sums = si.mcmc.Metropolis(1.0), si.observers.Moments()
    with pytest.raises(si.DensityError) as caught:
        si.run(kernel, failing_beyond(3.6), steps=2_000_000, observer=sums, rng=3)
    stopped = caught.value.run
    whole = si.run(kernel, failing_beyond(99.0), steps=stopped.n_steps, observer=sums, rng=3)
    np.testing.assert_array_equal(stopped["mean"], whole["mean"])


@pytest.mark.fast
def test_an_error_is_forgotten_by_the_next_run() -> None:
    density = failing_beyond(1.0)
    for _ in range(2):
        with pytest.raises(si.DensityError, match="TooFar"):
            si.sample(density, draws=100_000, chains=1, init=[0.0], rng=0)
        assert si.sample(density, draws=3, warmup=0, chains=1, kernel=si.mcmc.Metropolis(1e-3), init=[0.0], rng=0)
    assert density.function.raised == {}


@pytest.mark.fast
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x[5], "raised IndexError: index 5 is out of bounds"),
        (lambda x: None, "raised TypeError: float"),
        (lambda x: int("a"), "raised ValueError: invalid literal"),
    ],
)
def test_an_error_at_the_starting_point(function, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(si.DensityError, match=message) as caught:
        si.sample(python_density(function, 2), init=[0.25, 1.5], rng=0)
    assert caught.value.position.tolist() == [0.25, 1.5]
    assert caught.value.run is None


@pytest.mark.fast
def test_an_interruption_inside_the_function_is_one() -> None:
    calls = iter(range(10))

    def stopping(x: np.ndarray) -> float:
        if next(calls, None) == 9:
            raise KeyboardInterrupt
        return 0.0

    with pytest.raises(KeyboardInterrupt):
        si.sample(python_density(stopping, 1), draws=1000, chains=1, rng=0)


@entry
def both(density, position, out):  # type: ignore[no-untyped-def]
    return density.log_density_gradient(position, out)


@numba.cfunc(SIGNATURE)
def sloped_normal(n, x, gradient, out, data):  # type: ignore[no-untyped-def]
    out[0] = -0.5 * x[0] * x[0]
    if wanted(gradient):
        gradient[0] = -x[0]
    return 0 if x[0] < 5.0 else 9


@pytest.mark.fast
def test_the_gradient_comes_through_the_same_pointer() -> None:
    plain = python_density(one_normal, 1, gradient=lambda x: -x)
    for density in (plain, PointerDensity(sloped_normal, 1, differentiable=True)) if JIT else (plain,):
        slope = np.zeros(1)
        assert both(density, np.array([3.0]), slope) == -4.5
        assert slope[0] == -3.0
        assert density.offers("log_density_gradient")
        assert density.failure() is None
    assert not python_density(one_normal, 1).offers("log_density_gradient")
    if JIT:
        assert math.isnan(both(density, np.array([5.0]), slope))
        failure = density.failure()
        assert isinstance(failure, si.DensityError)
        assert failure.position == [5.0]


@pytest.mark.fast
def test_a_gradient_of_the_wrong_shape_is_an_error() -> None:
    density = python_density(one_normal, 1, gradient=lambda x: np.zeros(2))
    assert math.isnan(density.log_density_gradient(np.array([3.0]), np.zeros(1)))
    assert "could not broadcast" in str(density.failure())


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: python_density(3.0, 1), "a function of a position is needed"),  # type: ignore[arg-type]
        (lambda: python_density(one_normal, 1, gradient=3.0), "gradient 3.0: a function"),  # type: ignore[arg-type]
        (lambda: python_density(one_normal, 0), "dim = 0"),
        (lambda: Foreign(None), r"Foreign: address = None; where a C function lies"),  # type: ignore[arg-type]
        (lambda: PointerDensity(one_normal, 1), "PointerDensity: .* has no address"),
        (lambda: si.sample(python_density(lambda x: math.nan, 1), rng=0), "log density at the starting point"),
        (lambda: si.sample(python_density(one_normal, 1), init=[np.nan], rng=0), "starting positions are finite"),
    ],
)
def test_bad_input(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(si.StochinfError, match=message):
        make()
