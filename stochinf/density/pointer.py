r"""Densities behind a C function pointer: any language's, or plain Python's, under one compiled sampler.

The function has the signature

    int32 f(int64 n, float64* x, float64* gradient_or_null, float64* log_density, void* data)

and returns 0 for success, 1 for a value that is not finite (a counted rejection), more for an error of its own. A field that
holds such a function is typed by its signature alone, so that every sampler is compiled once for all densities; data lies
behind the pointer, so that new data recompiles nothing.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numba.experimental.function_type  # noqa: F401  (teaches numba the types of foreign functions)
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part

__all__ = ["SIGNATURE", "Density", "Foreign", "python_density"]

Floats = npt.NDArray[np.float64]
DOUBLES = types.CPointer(types.float64)
SIGNATURE = types.int32(types.int64, DOUBLES, DOUBLES, DOUBLES, types.voidptr)
"""The numba signature of a density: `numba.cfunc(SIGNATURE)` makes one."""

C_DOUBLES = ctypes.POINTER(ctypes.c_double)
C_TYPE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, C_DOUBLES, C_DOUBLES, C_DOUBLES, ctypes.c_void_p)


class Foreign(types.WrapperAddressProtocol):  # type: ignore[misc]
    """A density at an address; `owner` is kept alive with it.

    Parameters
    ----------
    address : int
        Where a function of the C signature above lies.
    owner : object, optional
        What must not be collected while the address is used.

    Examples
    --------
    >>> import ctypes
    >>> from stochinf.density.pointer import C_TYPE, Density, Foreign
    >>> flat = C_TYPE(lambda n, x, gradient, log_density, data: 0)
    >>> Density(Foreign(ctypes.cast(flat, ctypes.c_void_p).value, flat), dim=2).dim
    2
    """

    def __init__(self, address: int, owner: Any = None) -> None:
        self.address, self.owner = address, owner

    def __wrapper_address__(self) -> int:
        return self.address

    def signature(self) -> Any:
        """Return the signature, numba's way of typing the object."""
        return SIGNATURE


@part
class Density(NamedTuple):
    """A target whose log density is a C function.

    Parameters
    ----------
    function : numba cfunc of `SIGNATURE`, or Foreign
        The log density, unnormalised; may write the gradient where it is asked for one.
    dim : int
        Length of a position.
    data : int
        Address handed to the function; keep what lies there alive.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> from stochinf.density.pointer import python_density
    >>> normal = python_density(lambda x: -0.5 * float(x @ x), dim=2)
    >>> d = si.sample(normal, draws=500, warmup=200, chains=2, rng=0, threads=1)
    >>> d["position"].shape
    (2, 500, 2)
    """

    function: Any
    dim: int
    data: int = 0

    def checked(self) -> Density:
        """Check the dimension."""
        if self.dim < 1:
            raise StochinfError(f"Density: dim = {self.dim}; a position has at least one number")
        return self

    def start(self, generator: np.random.Generator) -> Floats:
        """Return a point uniform in (-2, 2), as Stan begins."""
        return generator.uniform(-2.0, 2.0, self.dim)

    def log_density(self, position: Floats) -> float:
        """Return the log density, NaN where the function says that it is not finite."""
        return evaluate(self.function, position, self.data)


def evaluate(function: Any, position: Floats, data: int) -> float:
    """Call a density; compiled code has an overload of its own."""
    out = ctypes.c_double()
    code = C_TYPE(function.address)(position.size, position.ctypes.data_as(C_DOUBLES), None, ctypes.byref(out), data)
    return out.value if code == 0 else math.nan


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
    """Return the null pointer: no gradient is wanted."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(ir.DoubleType().as_pointer(), None)

    return DOUBLES(), codegen


@intrinsic
def _slot(typing_context: Any) -> Any:
    """Return room for one number on the stack."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        with builder.goto_entry_block():
            return builder.alloca(ir.DoubleType())

    return DOUBLES(), codegen


@overload(evaluate, jit_options={"error_model": "numpy", "forceinline": True})
def _evaluate(function, position, data):  # type: ignore[no-untyped-def]  # numba compares signatures, annotations included
    def compiled(function, position, data):  # type: ignore[no-untyped-def]
        out = _slot()
        code = function(position.size, _first(position), _nowhere(), out, _pointer(data))
        return out[0] if code == 0 else math.nan

    return compiled


def python_density(function: Callable[[Floats], float], dim: int) -> Density:
    """Return a target from a plain Python function of a position, uncompiled: for samplers that need no gradient.

    Each call enters Python and takes the interpreter's lock, so threads do not help. A function that raises, or returns what
    is no number, counts as not finite.

    Parameters
    ----------
    function : callable
        Log density, unnormalised, of an array of shape (dim,).
    dim : int
        Length of a position.

    Examples
    --------
    >>> from stochinf.density.pointer import python_density
    >>> python_density(lambda x: -abs(x[0]), dim=1).dim
    1
    """
    if not callable(function):
        raise StochinfError(f"density {function!r}: a function of a position is needed")

    def call(n: int, x: Any, gradient: Any, out: Any, data: Any) -> int:
        try:
            value = float(function(np.ctypeslib.as_array(x, (n,)).copy()))
        except Exception:
            return 1
        out[0] = value
        return 0 if math.isfinite(value) or value == -math.inf else 1

    callback = C_TYPE(call)
    return Density(Foreign(ctypes.cast(callback, ctypes.c_void_p).value or 0, callback), dim)
