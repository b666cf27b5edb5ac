"""The one place where compile options are decided.

Three decorators cover every compiled function of the library: `entry` for what Python calls, `helper` for what compiled
code calls, and `inlined` for the methods of parts. Each sets every option, because numba lets an unset option be
inherited from whichever caller compiles first, and results would then depend on the order of calls.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
from collections.abc import Callable
from typing import Any, TypeVar

from stochinf.engine import light  # noqa: F401  (first)

# isort: split
import numba
import numpy as np

from stochinf.engine import inner
from stochinf.engine.cache import StampedCache, cache_folder
from stochinf.engine.flags import compare_quickly

__all__ = ["JIT", "NO_REFERENCE_COUNTS", "REORDER", "compiled_as", "entry", "helper", "inlined", "user_function"]

Function = TypeVar("Function", bound=Callable[..., Any])

JIT = not numba.config.DISABLE_JIT


def _look_for_blas_later() -> None:
    """Load numba's array functions without scipy.linalg, a fifth of a second; numba imports it where a product is compiled."""
    from numba.np import linalg

    if not hasattr(linalg, "ensure_blas"):
        return
    look = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = look


if JIT:
    _look_for_blas_later()
    compare_quickly()

NO_REFERENCE_COUNTS = {} if os.environ.get("STOCHINF_REFERENCE_COUNTS") else {"_nrt": False}
"""Private to numba: no reference counts, hence no allocation, in a step. Everything also runs without it, slower: set the
environment variable STOCHINF_REFERENCE_COUNTS=1."""

REORDER = frozenset({"reassoc", "contract", "nsz", "arcp"})
"""Floating-point freedom that keeps NaN and infinity tests; for sums whose order is free."""


FORWARDING: dict[str, Any] = {"error_model": "numpy"}
"""Options of what looks a part's method up."""
if inner.AVAILABLE:
    FORWARDING |= {"forceinline": True, "pipeline_class": inner.InnerCompiler}


def _options(allocates: bool, reorder: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"error_model": "numpy", "fastmath": set(REORDER) if reorder else False}
    return {**options, "_nrt": True} if allocates else {**options, **NO_REFERENCE_COUNTS}


def entry(function: Function) -> Function:
    """Compile a function that Python calls: it releases the GIL and is kept in the source-stamped disk cache."""
    if not JIT:
        return _quiet(function)
    dispatcher = numba.njit(nogil=True, **_options(allocates=False, reorder=False))(function)
    dispatcher._cache = StampedCache(function, dispatcher.targetoptions, cache_folder())
    return dispatcher  # type: ignore[no-any-return]


def _quiet(function: Function) -> Function:
    """Let plain Python treat overflow and NaN as compiled code does: without a word."""

    @functools.wraps(function)
    def quiet(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arguments)

    return quiet  # type: ignore[return-value]


def helper(*, reorder: bool = False, allocates: bool = False) -> Callable[[Function], Function]:
    """Compile a function that only compiled code calls; it is inlined.

    Parameters
    ----------
    reorder : bool
        Sums may be reordered and multiplications contracted (`REORDER`).
    allocates : bool
        The function allocates, slices into assignments or calls BLAS.
    """

    def decorate(function: Function) -> Function:
        if not JIT:
            return function
        return inlined(function, allocates, reorder)  # type: ignore[no-any-return]

    return decorate


def compiled_as(function: Callable[..., Any]) -> Callable[[Function], Function]:
    """Give a plain Python function another body in compiled code; the cache is stamped with both.

    Parameters
    ----------
    function : callable
        What Python calls. The decorated function gets the types of its arguments and returns the body to compile.
    """

    def decorate(body: Function) -> Function:
        from numba.extending import overload

        function.compiled_by = body  # type: ignore[attr-defined]
        overload(function, jit_options=dict(FORWARDING))(body)
        return body

    return decorate


def inlined(function: Callable[..., Any], allocates: bool, reorder: bool) -> Any:
    """Compile a helper, or one method of a part for one type; what allocates is compiled in numba's ordinary way."""
    options = _options(allocates, reorder)
    if inner.AVAILABLE and not allocates:
        return inner.inner(function, options)
    return numba.njit(forceinline=not allocates, **options)(function)


def user_function(function: Callable[..., Any]) -> Any:
    """Compile a function of the user's in numba's ordinary way: it may allocate and raise; one compiled already stays so."""
    return function if hasattr(function, "py_func") else numba.njit(error_model="numpy")(function)


def versions() -> dict[str, str]:
    """Versions of everything that can change a compiled result."""
    return dict(_versions())


@functools.cache
def _versions() -> tuple[tuple[str, str], ...]:
    """Look once: it takes milliseconds, several times a short run."""
    names = ("stochinf", "numpy", "numba", "llvmlite")
    return tuple((name, importlib.metadata.version(name)) for name in names)
