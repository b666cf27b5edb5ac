"""Densities from outside: numba functions with the gradient they have or none, C functions by address with their data."""

import ctypes
import math
from typing import Any

import numba
import numpy as np
import pytest

import stochinf as si
from stochinf import density as sd
from stochinf.density import doors
from stochinf.density.callbacks import CallbackCache, with_gradient
from stochinf.density.doors import complex_step_agrees
from stochinf.density.pointer import C_TYPE, SIGNATURE
from stochinf.engine import cache
from stochinf.engine.errors import DensityError, StochinfError
from stochinf.engine.jit import JIT

compiled_only = pytest.mark.skipif(not JIT, reason="what numba compiles")
AT = np.array([0.5, -1.5])


@numba.njit
def smooth(x):  # type: ignore[no-untyped-def]
    return -0.5 * x[0] * x[0] - np.exp(x[1]) + x[1]


@numba.njit
def not_analytic(x):  # type: ignore[no-untyped-def]
    return -abs(x[0]) - math.lgamma(2.0 + x[1] * x[1])


@numba.njit
def analytic_in_part(x):  # type: ignore[no-untyped-def]
    return -x[0] * x[0] - np.abs(x[1])


@numba.njit
def slope_into(x, out):  # type: ignore[no-untyped-def]
    out[0] = -x[0]
    out[1] = 1.0 - np.exp(x[1])


@numba.njit
def slope_of(x):  # type: ignore[no-untyped-def]
    return np.array([-x[0], 1.0 - np.exp(x[1])])


@numba.njit
def raising(x):  # type: ignore[no-untyped-def]
    if x[0] > 3.0:
        raise KeyError("too far")
    return -0.5 * x[0] * x[0]


EXACT = np.array([-0.5, 1.0 - math.exp(-1.5)])


@compiled_only
@pytest.mark.parametrize("gradient", [None, slope_into, slope_of], ids=["complex step", "written", "returned"])
def test_gradients_of_numba_functions(gradient: Any) -> None:
    density = si.Density.from_compiled(smooth, dim=2, gradient=gradient)
    assert ("complex step" if gradient is None else "its own gradient") in repr(density)
    assert density.log_density(AT) == smooth(AT)
    np.testing.assert_allclose(density.gradient(AT), EXACT, rtol=1e-15)
    assert density.check_gradient(AT).passed


@compiled_only
def test_central_differences_where_complex_numbers_do_not_serve() -> None:
    density = si.Density.from_compiled(analytic_in_part, dim=2)
    assert "central differences" in repr(density)
    assert density.check_gradient(AT).passed
    assert not complex_step_agrees(not_analytic, 2)


def scaled_by(array: Any) -> Any:
    @numba.njit
    def density(x):  # type: ignore[no-untyped-def]
        return -0.5 * array[0] * x[0] * x[0]

    @numba.njit
    def slope(x, out):  # type: ignore[no-untyped-def]
        out[0] = -array[0] * x[0]

    return si.Density.from_compiled(density, dim=1, gradient=slope)


@compiled_only
def test_c_functions_are_kept_by_what_they_hold(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("STOCHINF_CACHE_DIR", str(tmp_path))
    compiled, position = [], np.array([2.0])
    for value in (1.0, 3.0, 1.0):
        before = cache.compiled["callback"]
        density = scaled_by(np.array([value]))
        assert density.log_density(position) == -2.0 * value
        assert density.gradient(position) == -2.0 * value
        compiled.append(cache.compiled["callback"] - before)
    assert compiled == [1, 1, 0]


@compiled_only
def test_what_holds_things_that_cannot_be_told_apart_is_not_kept(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("STOCHINF_CACHE_DIR", str(tmp_path))
    held = [np.ones(1)]
    assert CallbackCache(with_gradient(smooth, slope_into), {}, tmp_path).reached([]).unknown == []
    function = numba.njit(lambda x: held[0][0] * x[0])
    assert CallbackCache(with_gradient(function, slope_into), {}, tmp_path).reached([]).unknown == ["closure"]


@compiled_only
def test_a_complex_step_that_is_kept_is_not_looked_at_again(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("STOCHINF_CACHE_DIR", str(tmp_path))
    first = si.Density.from_compiled(smooth, dim=2)
    monkeypatch.setattr(doors, "complex_step_agrees", lambda *arguments: pytest.fail("looked again"))
    second = si.Density.from_compiled(smooth, dim=2)
    assert repr(first) == repr(second)
    np.testing.assert_array_equal(first.gradient(AT), second.gradient(AT))


@pytest.mark.fast
def test_names_of_positions() -> None:
    density = si.Density.from_pointer(C_TYPE(scaled), params={"a": sd.real(), "b": sd.positive()}, data=np.ones(1))
    found = density.constrain(np.zeros((4, 2)))
    np.testing.assert_array_equal(found["b"], np.ones(4))
    assert density.as_target().variables(np.zeros((4, 2)))["a"].shape == (4,)
    with pytest.raises(StochinfError, match=r"give density.unconstrain\(point\)"):
        density.log_density({"a": 0.0, "b": 1.0})


@compiled_only
def test_what_a_compiled_function_raises_stops_the_run() -> None:
    density = si.Density.from_compiled(raising, dim=1)
    assert density.log_density(np.ones(1)) == -0.5
    with pytest.raises(DensityError, match="raised KeyError") as caught:
        density.log_density(np.full(1, 4.0))
    assert isinstance(caught.value.__cause__, KeyError)


@compiled_only
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: si.Density.from_compiled(lambda x: 0.0, dim=1), "is not compiled: decorate it with numba.njit"),
        (lambda: si.Density.from_compiled(smooth), "dim = None: the length of a position is needed"),
        (lambda: si.Density.from_compiled(smooth, dim=0), "at least 1"),
        (lambda: si.Density.from_compiled(smooth, dim=3, params={"a": sd.real(2)}), "dim = 3, and the parameters have 2"),
        (lambda: si.Density.from_compiled(slope_of, dim=2), "returned array"),
        (lambda: si.Density.from_compiled(slope_into, dim=2), "cannot be compiled|raised TypeError"),
        (lambda: si.Density.from_compiled(smooth, dim=2, gradient=lambda x: x), "compiled with numba.njit is needed"),
    ],
)
def test_what_numba_cannot_take(call: Any, message: str) -> None:
    with pytest.raises(StochinfError, match=message):
        call()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: si.Density.from_pointer(0, dim=1), "address = 0: the address of a C function"),
        (lambda: si.Density.from_pointer("f", dim=1), "address = 'f'"),
        (lambda: si.Density.from_pointer(C_TYPE(lambda *_: 0), dim=1, data="x"), "data = 'x': an address, an array"),
    ],
)
def test_what_is_no_address(call: Any, message: str) -> None:
    with pytest.raises(StochinfError, match=message):
        call()


class Scale(ctypes.Structure):
    """Data of a C function."""

    _fields_ = (("sd", ctypes.c_double),)


def scaled(n: int, x: Any, gradient: Any, out: Any, data: Any) -> int:
    """A normal density whose scale lies behind the data pointer, as a C library would have it."""
    sd_ = ctypes.cast(data, ctypes.POINTER(ctypes.c_double))[0]
    out[0] = -0.5 * sum((x[i] / sd_) ** 2 for i in range(n))
    if gradient:
        for i in range(n):
            gradient[i] = -x[i] / sd_**2
    return 0


@pytest.mark.fast
@pytest.mark.parametrize("data", [np.array([2.0]), Scale(2.0), ctypes.c_double(2.0)], ids=["array", "structure", "number"])
def test_c_functions_with_data(data: Any) -> None:
    density = si.Density.from_pointer(C_TYPE(scaled), dim=2, data=data)
    assert "with a gradient" in repr(density)
    assert density.log_density(AT) == pytest.approx(-0.3125)
    np.testing.assert_allclose(density.gradient(AT), -AT / 4)
    by_number = si.Density.from_pointer(ctypes.cast(callback := C_TYPE(scaled), ctypes.c_void_p).value, dim=2, data=data)
    assert by_number.log_density(AT) == pytest.approx(-0.3125)
    assert callback


@compiled_only
def test_callbacks_of_numba() -> None:
    @numba.cfunc(SIGNATURE)
    def flatter(n, x, gradient, log_density, data):  # type: ignore[no-untyped-def]
        log_density[0] = -x[0] * x[0]
        return 0

    for density in (si.Density.from_pointer(flatter, dim=1), si.Density.from_compiled(flatter, dim=1)):
        assert "without a gradient" in repr(density)
        assert density.log_density([2.0]) == -4.0
        with pytest.raises(StochinfError, match="has no gradient"):
            density.gradient([2.0])
