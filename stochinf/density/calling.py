"""How a function behind a C pointer is called, from Python and from compiled code.

Its signature is that of `stochinf.density.pointer`. Each of the three ways to call it is a Python function with a second body,
which numba compiles.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stochinf.engine.jit import compiled_as

__all__ = ["C_DOUBLES", "C_TYPE", "DOUBLES", "SIGNATURE", "differentiate", "evaluate", "slope_only", "wanted"]

Floats = npt.NDArray[np.float64]
DOUBLES = types.CPointer(types.float64)
SIGNATURE = types.int32(types.int64, DOUBLES, DOUBLES, DOUBLES, types.voidptr)
"""The numba signature of a density: `numba.cfunc(SIGNATURE)` makes one."""

C_DOUBLES = ctypes.POINTER(ctypes.c_double)
C_TYPE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, C_DOUBLES, C_DOUBLES, C_DOUBLES, ctypes.c_void_p)
BY_ADDRESS = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, *[ctypes.c_void_p] * 4)
"""The same as it is called from Python: addresses are quicker to hand over than pointers with a type."""


def evaluate(function: Any, position: Floats, data: int) -> tuple[int, float]:
    """Call a density; return code and value. Compiled code has a body of its own."""
    out = ctypes.c_double()
    return BY_ADDRESS(function.address)(position.size, position.ctypes.data, None, ctypes.byref(out), data), out.value


def differentiate(function: Any, position: Floats, gradient: Floats, data: int) -> tuple[int, float]:
    """Call a density that writes its gradient too; return code and value. Compiled code has a body of its own."""
    out, x, slope = ctypes.c_double(), position.ctypes.data, gradient.ctypes.data
    return BY_ADDRESS(function.address)(position.size, x, slope, ctypes.byref(out), data), out.value


def slope_only(function: Any, position: Floats, gradient: Floats, data: int) -> int:
    """Call a function that leaves out what it is given no room for, for its gradient alone; return the code."""
    return int(BY_ADDRESS(function.address)(position.size, position.ctypes.data, gradient.ctypes.data, None, data))


@intrinsic
def _first(typing_context: Any, array: Any) -> Any:
    """Return the pointer to the first number of an array."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return DOUBLES(array), codegen


@intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:
    """Return an address as a pointer to anything."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), codegen


@intrinsic
def _nowhere(typing_context: Any) -> Any:
    """Return the null pointer: what would be written there is not wanted."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(ir.DoubleType().as_pointer(), None)

    return DOUBLES(), codegen


@intrinsic
def wanted(typing_context: Any, gradient: Any) -> Any:
    """Whether a density is asked for its gradient: for a `numba.cfunc` of `SIGNATURE`, where numba cannot compare with null.

    Parameters
    ----------
    gradient : pointer
        What the function was given; null where no gradient is wanted.

    Returns
    -------
    bool

    Examples
    --------
    >>> import numba, numpy as np
    >>> from stochinf.density import SIGNATURE, PointerDensity, wanted
    >>> @numba.cfunc(SIGNATURE)
    ... def normal(n, x, gradient, log_density, data):
    ...     log_density[0] = -0.5 * x[0] * x[0]
    ...     if wanted(gradient):
    ...         gradient[0] = -x[0]
    ...     return 0
    >>> slope = np.empty(1)
    >>> PointerDensity(normal, dim=1, differentiable=True).log_density_gradient(np.array([3.0]), slope), slope
    (-4.5, array([-3.]))
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.icmp_unsigned("!=", arguments[0], ir.Constant(arguments[0].type, None))

    return types.boolean(DOUBLES), codegen


@intrinsic
def _slot(typing_context: Any) -> Any:
    """Return room for one number on the stack."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        with builder.goto_entry_block():
            return builder.alloca(ir.DoubleType())

    return DOUBLES(), codegen


@compiled_as(evaluate)
def _evaluate(function, position, data):  # type: ignore[no-untyped-def]  # numba compares signatures, annotations included
    def compiled(function, position, data):  # type: ignore[no-untyped-def]
        out = _slot()
        code = function(position.size, _first(position), _nowhere(), out, _pointer(data))
        return code, out[0]

    return compiled


@compiled_as(differentiate)
def _differentiate(function, position, gradient, data):  # type: ignore[no-untyped-def]  # as above
    def compiled(function, position, gradient, data):  # type: ignore[no-untyped-def]
        out = _slot()
        code = function(position.size, _first(position), _first(gradient), out, _pointer(data))
        return code, out[0]

    return compiled


@compiled_as(slope_only)
def _slope_only(function, position, gradient, data):  # type: ignore[no-untyped-def]  # as above
    def compiled(function, position, gradient, data):  # type: ignore[no-untyped-def]
        return function(position.size, _first(position), _first(gradient), _nowhere(), _pointer(data))

    return compiled
