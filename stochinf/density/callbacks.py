"""Functions compiled by numba as C functions of a density's signature, kept on disk like all compiled code."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.core import sigutils
from numba.core.ccallback import CFunc

from stochinf.density.calling import SIGNATURE, wanted
from stochinf.engine.cache import StampedCache, cache_folder

__all__ = ["RELATIVE", "TINY", "compiled_callback", "with_complex_step", "with_differences", "with_gradient"]

TINY = 1e-100
"""Of a complex step: its square underflows against anything, and nothing is subtracted."""
RELATIVE = np.finfo(np.float64).eps ** (1 / 3)
OPTIONS = {"error_model": "numpy"}


class CallbackCache(StampedCache):
    """The cache of one C function: not for code that reaches what cannot be told apart by its content."""

    def file(self, signature: Any, codegen: Any) -> tuple[str, list[type]]:
        """Return the name of the file of a signature, and its classes: none."""
        if self.reached([]).unknown:
            self.folder = None
        return super().file(signature.args, codegen)


def compiled_callback(make: Callable[[Any, Any], Any], function: Any, slope: Any, must: bool = True) -> Any:
    """Return a C function, from the cache where it is there.

    Parameters
    ----------
    make : callable
        `with_gradient`, `with_complex_step` or `with_differences`.
    function, slope : numba functions
        What it calls.
    must : bool
        Whether it is compiled if it is not in the cache; else None is returned then.
    """
    callback = make(function, slope)
    made: Any = CFunc(callback, sigutils.normalize_signature(SIGNATURE), {}, dict(OPTIONS))
    kept = made._cache = CallbackCache(callback, OPTIONS, cache_folder())
    if not must and not known(kept, made):
        return None
    made.compile()
    return made


def known(cache: CallbackCache, made: Any) -> bool:
    """Whether a C function is in the cache."""
    name, _ = cache.file(made._sig, made._targetdescr.target_context.codegen())
    return cache.folder is not None and (cache.folder / name).exists()


def code_of(value: float) -> int:
    """Return 1 for a value that is not finite and not a density of zero."""
    return 0 if math.isfinite(value) or value == -math.inf else 1


_code_of = numba.extending.register_jitable(code_of)


def with_gradient(function: Any, slope: Any) -> Any:
    """Return a callback that calls a function and its gradient."""

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
