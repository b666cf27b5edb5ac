"""Densities from outside: functions that numba compiled, and C functions by address."""

from __future__ import annotations

import ctypes
import math
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from stochinf.density.callbacks import (
    RELATIVE,
    TINY,
    compiled_callback,
    with_complex_step,
    with_differences,
    with_gradient,
)
from stochinf.density.calling import C_TYPE
from stochinf.density.plain import undefined
from stochinf.density.pointer import Foreign, PointerDensity
from stochinf.engine.errors import StochinfError

__all__ = ["Door", "compiled", "pointed"]

Floats = npt.NDArray[np.float64]

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
    way, callback = made(function, gradient, dim, name)
    return Door(Compiled(callback, function), True, 0, f"{name}, compiled, {way}")


def made(function: Any, gradient: Any, dim: int, name: str) -> tuple[str, Any]:
    """Return where the gradient is from, and the C function; what numba does not accept is told in our words.

    A complex step in the cache was found right before; else it is looked at first.
    """
    try:
        if gradient is not None:
            return "with its own gradient", compiled_callback(with_gradient, function, given(gradient, dim))
        for way, make in (("complex step", with_complex_step), ("central differences", with_differences)):
            found = compiled_callback(make, function, function, must=False)
            if found is not None:
                return f"gradient by {way}", found
        exact = complex_step_agrees(function, dim)
        make = with_complex_step if exact else with_differences
        return f"gradient by {'complex step' if exact else 'central differences'}", compiled_callback(make, function, function)
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
