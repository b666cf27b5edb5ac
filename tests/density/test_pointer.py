"""Densities behind C pointers: compiled, foreign and plain Python ones give the same draws under one compiled sampler."""

import ctypes
import math

import numba
import numpy as np
import pytest

import stochinf as si
from stochinf.density.pointer import C_TYPE, SIGNATURE, Density, Foreign, python_density
from stochinf.engine import cache
from stochinf.engine.jit import JIT

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
    foreign = si.sample(Density(foreign_normal(), 1), **SETTINGS)["position"]
    np.testing.assert_array_equal(plain, foreign)
    if JIT:
        misses = cache.statistics["misses"]
        np.testing.assert_array_equal(si.sample(Density(compiled_normal, 1), **SETTINGS)["position"], foreign)
        assert cache.statistics["misses"] == misses


@pytest.mark.fast
def test_a_pointer_gives_what_the_function_gives() -> None:
    density = python_density(lambda x: float(-(x**2).sum()), 3)
    assert density.log_density(np.array([1.0, 2.0, 3.0])) == -14.0


@pytest.mark.fast
def test_nothing_finite_is_counted_and_rejected() -> None:
    def hole(x: np.ndarray) -> float:
        if x[0] > 0.5:
            raise RuntimeError("not here")
        return -0.5 * x[0] ** 2 if x[0] > -1.0 else math.nan

    run = si.run(si.mcmc.Metropolis(1.0), python_density(hole, 1), steps=500, init=[0.0], rng=0)
    assert run.nonfinite > 0
    assert run["position"].max() <= 0.5
    assert run["position"].min() > -1.0


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: python_density(3.0, 1), "a function of a position is needed"),  # type: ignore[arg-type]
        (lambda: python_density(one_normal, 0), "dim = 0"),
        (lambda: si.sample(python_density(lambda x: math.nan, 1), rng=0), "log density at the starting point"),
        (lambda: si.sample(python_density(one_normal, 1), init=[np.nan], rng=0), "starting positions are finite"),
    ],
)
def test_bad_input(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(si.StochinfError, match=message):
        make()
