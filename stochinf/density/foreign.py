"""Models of other programs as densities: PyMC's, compiled by nutpie, and Stan's, compiled by BridgeStan."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from stochinf.density.calling import DOUBLES, SIGNATURE, wanted
from stochinf.density.layout import Layout
from stochinf.density.model import Density
from stochinf.density.pointer import Foreign
from stochinf.density.sources import PointerSource
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError

__all__ = ["from_bridgestan", "from_nutpie"]

Floats = npt.NDArray[np.float64]
Expand = Callable[[Floats], dict[str, Floats]]
I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
NUMBERS = ir.DoubleType().as_pointer()


class Adapter(Foreign):
    """Another program's function behind our signature; each chain has room for a gradient that nobody asked for.

    Parameters
    ----------
    callback : numba cfunc
        Of our signature; its data are a table: address and data of the other function, room for a gradient.
    words : tuple of int
        Address and data.
    dim : int
        Length of a position.
    owner : object
        What is kept alive.
    """

    def __init__(self, callback: Any, words: tuple[int, int], dim: int, owner: Any) -> None:
        super().__init__(callback.address, (callback, owner))
        self.words, self.dim = words, dim
        self.blocks: dict[int, Any] = {}

    def ticket(self) -> int:
        """Return the address of a new table for one chain."""
        room = np.zeros(self.dim)
        table = np.array([*self.words, room.ctypes.data], np.int64)
        address = int(table.ctypes.data)
        self.blocks[address] = (room, table)
        return address

    def release(self, ticket: int) -> None:
        """Let go of the table of a chain that is no more."""
        self.blocks.pop(ticket, None)


@intrinsic
def _table(typing_context: Any, data: Any) -> Any:
    """Return the data pointer as one to whole numbers."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], I64.as_pointer())

    return types.CPointer(types.int64)(data), codegen


@intrinsic
def _room(typing_context: Any, address: Any) -> Any:
    """Return an address as a pointer to numbers."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], NUMBERS)

    return DOUBLES(types.int64), codegen


@intrinsic
def _pymc(typing_context: Any, address: Any, n: Any, x: Any, gradient: Any, log_density: Any, data: Any) -> Any:
    """Call `int64 f(uint64 n, x, gradient, log_density, data)`."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(I64, [I64, NUMBERS, NUMBERS, NUMBERS, I8.as_pointer()])
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        return builder.call(function, [*arguments[1:5], builder.inttoptr(arguments[5], I8.as_pointer())])

    return types.int64(types.int64, types.int64, DOUBLES, DOUBLES, DOUBLES, types.int64), codegen


@intrinsic
def _stan(typing_context: Any, address: Any, x: Any, gradient: Any, log_density: Any, model: Any) -> Any:
    """Call `int f(model, propto = true, jacobian = true, x, log_density, gradient, error = null)`."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, x, gradient, log_density, model = arguments
        pointer = I8.as_pointer()
        kind = ir.FunctionType(I32, [pointer, I32, I32, NUMBERS, NUMBERS, NUMBERS, pointer])
        function = builder.inttoptr(address, kind.as_pointer())
        yes, nothing = ir.Constant(I32, 1), ir.Constant(pointer, None)
        return builder.call(function, [builder.inttoptr(model, pointer), yes, yes, x, log_density, gradient, nothing])

    return types.int32(types.int64, DOUBLES, DOUBLES, DOUBLES, types.int64), codegen


@functools.cache
def pymc_callback() -> Any:
    """Return our callback around one of nutpie's: its codes 3 and 4 say that a gradient or a value is not finite."""

    @numba.cfunc(SIGNATURE)
    def callback(n, x, gradient, log_density, data):  # type: ignore[no-untyped-def]  # numba types it
        table = _table(data)
        slope = gradient if wanted(gradient) else _room(table[2])
        code = _pymc(table[0], n, x, slope, log_density, table[1])
        if code == 0:
            return 0
        return 1 if code == 3 or code == 4 else 2

    return callback


@functools.cache
def stan_callback() -> Any:
    """Return our callback around BridgeStan's, where an exception says that the density is not defined."""

    @numba.cfunc(SIGNATURE)
    def callback(n, x, gradient, log_density, data):  # type: ignore[no-untyped-def]  # numba types it
        table = _table(data)
        slope = gradient if wanted(gradient) else _room(table[2])
        code = _stan(table[0], x, slope, log_density, table[1])
        value = log_density[0]
        return 0 if code == 0 and value - value == 0.0 else 1

    return callback


def from_nutpie(compiled: Any) -> Density:
    """Return the density of a PyMC model that nutpie compiled: the same machine code under this library's samplers.

    Parameters
    ----------
    compiled : nutpie.CompiledPyMCModel
        What `nutpie.compile_pymc_model(model)` returns, with its numba backend.

    Returns
    -------
    Density
        Its draws have the model's names, constrained and with deterministics.

    Raises
    ------
    StochinfError
        If the object has no compiled function.

    Examples
    --------
    >>> import pymc, nutpie  # doctest: +SKIP
    >>> target = si.density.from_nutpie(nutpie.compile_pymc_model(model))  # doctest: +SKIP
    """
    if not hasattr(compiled, "compiled_logp_func") or not hasattr(compiled, "user_data"):
        raise StochinfError(f"{type(compiled).__name__}: what nutpie.compile_pymc_model(model, backend='numba') gives is needed")
    dim = counted("n_dim", compiled.n_dim)
    words = (int(compiled.compiled_logp_func.address), int(compiled.user_data.ctypes.data))
    expand = functools.partial(expanded_by_nutpie, compiled, dim)
    return adapted(Adapter(pymc_callback(), words, dim, compiled), dim, "PyMC by nutpie", expand)


def expanded_by_nutpie(compiled: Any, dim: int, positions: Floats) -> dict[str, Floats]:
    """Return the variables of a PyMC model at positions (n, dim)."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, ctypes.c_uint64, *[ctypes.c_void_p] * 3)
    function, size = kind(compiled.compiled_expand_func.address), int(compiled.n_expanded)
    out = np.empty((len(positions), size))
    for position, values in zip(positions, out, strict=True):
        if function(dim, size, position.ctypes.data, values.ctypes.data, compiled.user_data.ctypes.data):
            values[:] = np.nan
    names, places, shapes = compiled.shape_info
    return {name: out[:, place].reshape(-1, *shape) for name, place, shape in zip(names, places, shapes, strict=True)}


def from_bridgestan(model: Any) -> Density:
    """Return the density of a Stan model that BridgeStan compiled, constants dropped, volumes included.

    Parameters
    ----------
    model : bridgestan.StanModel
        Compiled with STAN_THREADS=True, if chains are to run on several threads.

    Returns
    -------
    Density
        Its draws have the names of the model's parameters.

    Raises
    ------
    StochinfError
        If the object is no such model.

    Examples
    --------
    >>> import bridgestan  # doctest: +SKIP
    >>> target = si.density.from_bridgestan(bridgestan.StanModel("model.stan", "data.json"))  # doctest: +SKIP
    """
    handle = getattr(model, "model", getattr(model, "model_rng", None))
    if handle is None or not hasattr(model, "stanlib"):
        raise StochinfError(f"{type(model).__name__}: a bridgestan.StanModel is needed")
    dim = counted("param_unc_num()", model.param_unc_num())
    function = ctypes.cast(model.stanlib.bs_log_density_gradient, ctypes.c_void_p).value or 0
    pointer = handle if isinstance(handle, int) else ctypes.cast(handle, ctypes.c_void_p).value or 0
    expand = functools.partial(expanded_by_stan, model)
    return adapted(Adapter(stan_callback(), (function, pointer), dim, model), dim, "Stan by BridgeStan", expand)


def expanded_by_stan(model: Any, positions: Floats) -> dict[str, Floats]:
    """Return the parameters of a Stan model at positions (n, dim); containers lie with the first index first."""
    draws = np.stack([model.param_constrain(position) for position in positions])
    columns: dict[str, list[int]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for column, name in enumerate(model.param_names()):
        stem, *place = name.split(".")
        columns.setdefault(stem, []).append(column)
        shapes[stem] = tuple(int(k) for k in place)
    return {
        stem: draws[:, places].reshape(len(draws), *shapes[stem][::-1]).transpose(0, *range(len(shapes[stem]), 0, -1))
        for stem, places in columns.items()
    }


def adapted(function: Adapter, dim: int, description: str, expand: Expand) -> Density:
    """Return the density of an adapted function."""
    layout = Layout.of_positions(dim, None)
    source = PointerSource(function, True, function.ticket(), f"{description}, with a gradient", layout, expand)
    return Density.of_source(source, layout)
