"""Densities from outside: functions that numba compiled, and C functions by address."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from stochinf.density.plain import undefined
from stochinf.density.pointer import C_TYPE, SIGNATURE, Foreign, PointerDensity, wanted
from stochinf.engine.errors import StochinfError

__all__ = ["Door", "compiled", "pointed"]

Floats = npt.NDArray[np.float64]

TINY = 1e-100
"""Of a complex step: its square underflows against anything, and nothing is subtracted."""
RELATIVE = np.finfo(np.float64).eps ** (1 / 3)
TRIES = 10
C_FUNCTION: Any = C_TYPE.__mro__[1]
"""What every function of ctypes is."""


class Door(NamedTuple):
    """A C function, and what is known of it.

    Parameters
    ----------
    function : Foreign
    differentiable : bool
        Whether it writes the gradient.
    address : int
        What its last argument points to.
    description : str
        For messages.
    """

    function: Foreign
    differentiable: bool
    address: int
    description: str


class Compiled(Foreign):
    """A numba function behind a C pointer.

    Parameters
    ----------
    callback : numba cfunc
        Of the density's signature.
    function : numba function
        The user's, which says again what it raises.
    """

    def __init__(self, callback: Any, function: Any) -> None:
        super().__init__(callback.address, (callback, function))
        self.function = function

    def cause(self, data: int, position: Floats) -> BaseException | None:
        """Return what the function raises at a position."""
        try:
            self.function(position)
        except Exception as error:
            return error
        return None


def compiled(function: Any, gradient: Any, dim: int) -> Door:
    """Return the C function of a numba function of a position, with the best gradient there is.

    Raises
    ------
    StochinfError
        If the function is not compiled, or does not take an array and return a number.
    """
    if hasattr(function, "address"):
        return pointed(function, None, None if gradient is None else bool(gradient), dim)
    name = getattr(function, "__name__", repr(function))
    if not hasattr(function, "py_func"):
        raise StochinfError(
            f"{name} is not compiled: decorate it with numba.njit; or trace it with stochinf.Density(function, params=...)"
        )
    if gradient is not None:
        way, slope = "with its own gradient", given(gradient, dim)
    elif complex_step_agrees(function, dim):
        way, slope = "gradient by complex step", function
    else:
        way, slope = "gradient by central differences", function
    make = {"with its own gradient": with_gradient, "gradient by complex step": with_complex_step}.get(way, with_differences)
    return Door(Compiled(made(make, function, slope, name), function), True, 0, f"{name}, compiled, {way}")


def made(make: Callable[[Any, Any], Any], function: Any, slope: Any, name: str) -> Any:
    """Return the C callback; what numba does not accept is told in our words."""
    try:
        return make(function, slope)
    except numba.core.errors.NumbaError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise StochinfError(
            f"{name} cannot be compiled for an array of float64 that gives a number: {lines[0] if lines else error}"
        ) from error


def given(gradient: Any, dim: int) -> Any:
    """Return a user's gradient as a function of position and output."""
    if not hasattr(gradient, "py_func"):
        raise StochinfError(f"gradient {gradient!r}: a function compiled with numba.njit is needed")
    if len(gradient.py_func.__code__.co_varnames[: gradient.py_func.__code__.co_argcount]) == 2:
        return gradient
    value = gradient(np.full(dim, 0.5))
    if np.shape(value) != (dim,):
        raise StochinfError(f"gradient: it returns shape {np.shape(value)}, and ({dim},) is needed")

    def written(position, out):  # type: ignore[no-untyped-def]  # numba types it
        value = gradient(position)
        for i in range(position.size):
            out[i] = value[i]

    return numba.extending.register_jitable(written)


def code_of(value: float) -> int:
    """Return 1 for a value that is not finite and not a density of zero."""
    return 0 if math.isfinite(value) or value == -math.inf else 1


_code_of = numba.extending.register_jitable(code_of)


def with_gradient(function: Any, slope: Any) -> Any:
    """Return a callback that calls a function and its gradient."""

    @numba.cfunc(SIGNATURE, error_model="numpy")
    def callback(n, x, gradient, log_density, data):  # type: ignore[no-untyped-def]  # numba types it
        log_density[0] = math.nan
        try:
            position = numba.carray(x, (n,))
            log_density[0] = function(position)
            if wanted(gradient):
                slope(position, numba.carray(gradient, (n,)))
        except Exception:
            return 2
        return _code_of(log_density[0])

    return callback


def with_complex_step(function: Any, slope: Any) -> Any:
    r"""Return a callback that differentiates by the complex step: :math:`\mathrm{Im} f(x + i h e_k) / h`, exact to rounding.

    Source: Squire, W. and Trapp, G. (1998). Using complex variables to estimate derivatives of real functions. SIAM Review 40.
    """

    @numba.cfunc(SIGNATURE, error_model="numpy")
    def callback(n, x, gradient, log_density, data):  # type: ignore[no-untyped-def]  # numba types it
        log_density[0] = math.nan
        try:
            position = numba.carray(x, (n,))
            log_density[0] = function(position)
            if wanted(gradient):
                moved = np.empty(n, np.complex128)
                for k in range(n):
                    moved[k] = position[k]
                for k in range(n):
                    moved[k] = complex(position[k], TINY)
                    gradient[k] = slope(moved).imag / TINY
                    moved[k] = position[k]
        except Exception:
            return 2
        return _code_of(log_density[0])

    return callback


def with_differences(function: Any, slope: Any) -> Any:
    """Return a callback that differentiates by central differences; the log density itself stays exact."""

    @numba.cfunc(SIGNATURE, error_model="numpy")
    def callback(n, x, gradient, log_density, data):  # type: ignore[no-untyped-def]  # numba types it
        log_density[0] = math.nan
        try:
            position = numba.carray(x, (n,))
            log_density[0] = function(position)
            if wanted(gradient):
                moved = position.copy()
                for k in range(n):
                    step = RELATIVE * max(1.0, abs(position[k]))
                    moved[k] = position[k] + step
                    above = slope(moved)
                    moved[k] = position[k] - step
                    gradient[k] = (above - slope(moved)) / (2.0 * step)
                    moved[k] = position[k]
        except Exception:
            return 2
        return _code_of(log_density[0])

    return callback


def complex_step_agrees(function: Any, dim: int) -> bool:
    """Whether a function takes complex numbers, and its imaginary parts are derivatives, at some random positions."""
    generator, compared = np.random.default_rng(2), 0
    for _ in range(TRIES):
        position = generator.uniform(-2.0, 2.0, dim)
        value = real_value(function, position)
        if not math.isfinite(value):
            continue
        for k in range(min(dim, 25)):
            moved = position.astype(np.complex128)
            moved[k] += TINY * 1j
            try:
                slope = complex(function(moved)).imag / TINY
            except Exception:  # numba cannot compile it, or it raises
                return False
            step = RELATIVE * max(1.0, abs(position[k]))
            ends = [real_value(function, position + sign * step * (np.arange(dim) == k)) for sign in (1.0, -1.0)]
            if not abs(slope - (ends[0] - ends[1]) / (2 * step)) <= 1e-5 * max(1.0, abs(slope), abs(value)):
                return False
        compared += 1
        if compared == 3:
            return True
    return compared > 0


def real_value(function: Any, position: Floats) -> float:
    """Return the log density, NaN where the function raises that it is not defined.

    Raises
    ------
    StochinfError
        If the function does not take an array, or returns no number.
    """
    try:
        value = function(position)
    except numba.core.errors.NumbaError as error:
        raise StochinfError(f"{function.__name__} cannot be compiled for an array of float64: {error}") from error
    except Exception as error:
        if undefined(error):
            return math.nan
        raise StochinfError(f"{function.__name__} raised {type(error).__name__}: {error} at {position}") from error
    if np.shape(value) != () or isinstance(value, complex) or value is None:
        raise StochinfError(f"{function.__name__} returned {value!r}; a log density is one number")
    return float(value)


def pointed(address: Any, data: Any, gradient: bool | None, dim: int) -> Door:
    """Return the C function at an address.

    Raises
    ------
    StochinfError
        If the address is none.
    """
    where = address_of(address)
    given_data = data_address(data)
    foreign = Foreign(where, (address, data))
    writes = writes_gradient(foreign, given_data, dim) if gradient is None else bool(gradient)
    return Door(foreign, writes, given_data, f"a C function, {'with' if writes else 'without'} a gradient")


def address_of(function: Any) -> int:
    """Return where a C function lies."""
    found = getattr(function, "address", function)
    if isinstance(found, C_FUNCTION):
        found = ctypes.cast(found, ctypes.c_void_p).value
    if isinstance(found, (bool, float)) or not isinstance(found, (int, np.integer)) or found <= 0:
        raise StochinfError(f"address = {function!r}: the address of a C function, a ctypes function or a numba cfunc is needed")
    return int(found)


def data_address(data: Any) -> int:
    """Return where data lie."""
    if data is None:
        return 0
    if isinstance(data, (int, np.integer)) and not isinstance(data, bool):
        return int(data)
    if isinstance(data, np.ndarray):
        return int(data.ctypes.data)
    try:
        found = data if isinstance(data, (ctypes._Pointer, ctypes.c_void_p)) else ctypes.pointer(data)
        return ctypes.cast(found, ctypes.c_void_p).value or 0
    except (TypeError, ctypes.ArgumentError) as error:
        raise StochinfError(f"data = {data!r}: an address, an array or a ctypes object is needed") from error


def writes_gradient(function: Foreign, data: int, dim: int) -> bool:
    """Ask a C function for its gradient, and look whether it wrote all of it."""
    mark = -7.25e301
    generator = np.random.default_rng(3)
    for _ in range(TRIES):
        slope = np.full(dim, mark)
        value = PointerDensity(function, dim, data).log_density_gradient(generator.uniform(-2.0, 2.0, dim), slope)
        if math.isfinite(value):
            return bool((slope != mark).all())
    return False
