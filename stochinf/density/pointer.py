r"""Densities behind a C function pointer: any language's, or plain Python's, under one compiled sampler.

The function has the signature

    int32 f(int64 n, float64* x, float64* gradient_or_null, float64* log_density, void* data)

and returns 0 for success, 1 for a value that is not finite (a counted rejection), anything else for an error of its own. A
field that holds such a function is typed by its signature alone, so that every sampler is compiled once for all densities;
data lies behind the pointer, so that new data recompiles nothing.

Compiled code raises nothing: an error of the function's own is noted in the target with its position and counts as not finite
until the chunk is over. Then the run stops, goes back to where the chunk began, and `DensityError` says what happened where.
"""

from __future__ import annotations

import ctypes
import math
import weakref
from collections.abc import Collection
from typing import Any, NamedTuple

import numba.experimental.function_type  # noqa: F401  (teaches numba the types of foreign functions)
import numpy as np
import numpy.typing as npt
from numba import types

from stochinf.density.calling import C_TYPE, SIGNATURE, differentiate, evaluate, wanted
from stochinf.engine.errors import DensityError, StochinfError
from stochinf.engine.parts import part

__all__ = ["C_TYPE", "SIGNATURE", "Foreign", "PointerDensity", "as_foreign", "wanted"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
EMPTY = np.empty(0)
NO_CODE = np.empty(0, np.int64)


@types.WrapperAddressProtocol.register
class Foreign(ctypes.Structure):
    """A density at an address; `owner` is kept alive with it.

    A structure has a buffer, by which numba knows an object's type again at once; of other objects it works the type out at
    every call, and with it that of the whole part, in a tenth of a millisecond.

    Parameters
    ----------
    address : int
        Where a function of the C signature above lies.
    owner : object, optional
        What must not be collected while the address is used.

    Attributes
    ----------
    model : object or None
        Gives names to positions, by its method `constrain`.

    Raises
    ------
    StochinfError
        If the address is none.

    Examples
    --------
    >>> import ctypes
    >>> from stochinf.density.pointer import C_TYPE, PointerDensity, Foreign
    >>> flat = C_TYPE(lambda n, x, gradient, log_density, data: 0)
    >>> PointerDensity(Foreign(ctypes.cast(flat, ctypes.c_void_p).value, flat), dim=2).dim
    2
    """

    _fields_ = (("address", ctypes.c_int64),)

    def __init__(self, address: int, owner: Any = None) -> None:
        if isinstance(address, bool) or not isinstance(address, (int, np.integer)) or not 0 < address < 2**63:
            raise StochinfError(f"Foreign: address = {address!r}; where a C function lies is needed, a positive integer")
        self.address, self.owner = int(address), owner
        self.model: Any = None

    def __wrapper_address__(self) -> int:
        return self.address

    def signature(self) -> Any:
        """Return the signature, numba's way of typing the object."""
        return SIGNATURE


def as_foreign(asker: str, function: Any) -> Foreign:
    """Return what lies behind a C pointer as a `Foreign`: one as it is, a `numba.cfunc` with itself as the owner.

    Raises
    ------
    StochinfError
        If it is neither, or of another signature.
    """
    if isinstance(function, Foreign):
        return function
    if not hasattr(function, "address"):
        raise StochinfError(f"{asker}: {function!r} has no address; give a numba.cfunc of density.SIGNATURE, or a Foreign")
    if getattr(function, "_sig", SIGNATURE) != SIGNATURE:
        raise StochinfError(f"{asker}: a function of the signature {function._sig}; {SIGNATURE} is needed")
    return Foreign(function.address, function)


@part
class PointerDensity(NamedTuple):
    """A target whose log density is a C function.

    Parameters
    ----------
    function : numba cfunc of `SIGNATURE`, or Foreign
        The log density, unnormalised; may write the gradient where it is asked for one.
    dim : int
        Length of a position.
    data : int
        Address handed to the function; keep what lies there alive.
    differentiable : bool
        Whether the function writes the gradient where it is asked for one (`wanted`).
    code, culprit : ndarray
        The first code that was an error, and its position; made by the class.

    Raises
    ------
    DensityError
        When a run meets a code other than 0 and 1: the code, the position, and as `run` what was drawn.

    Examples
    --------
    >>> import numba
    >>> import stochinf as si
    >>> @numba.cfunc(si.density.SIGNATURE)
    ... def normal(n, x, gradient, log_density, data):
    ...     log_density[0] = 0.0
    ...     for i in range(n):
    ...         log_density[0] -= 0.5 * x[i] * x[i]
    ...     return 0
    >>> d = si.sample(si.density.PointerDensity(normal, dim=2), draws=5000, warmup=500, chains=2, rng=0)
    >>> d["position"].shape
    (2, 5000, 2)
    """

    function: Any
    dim: int
    data: int = 0
    differentiable: bool = False
    code: Integers = NO_CODE
    culprit: Floats = EMPTY

    def checked(self) -> PointerDensity:
        """Check the dimension; make room for an error."""
        if self.dim < 1:
            raise StochinfError(f"PointerDensity: dim = {self.dim}; a position has at least one number")
        function = as_foreign("PointerDensity", self.function)
        known = self if function is self.function else self._replace(function=function)
        return known if known.code.size else known.private()

    def private(self) -> PointerDensity:
        """Return the same density for chains of its own: errors are noted by block."""
        own = hasattr(self.function, "ticket")
        data, code = self.function.ticket() if own else self.data, np.zeros(1, np.int64)
        if own and hasattr(self.function, "release"):
            weakref.finalize(code, self.function.release, data).atexit = False
        return PointerDensity(self.function, self.dim, data, bool(self.differentiable), code, np.zeros(self.dim))

    def offers(self, oracle: str) -> bool:
        """Whether the function serves for an oracle."""
        return self.differentiable or oracle != "log_density_gradient"

    def ready_for(self, oracles: Collection[str]) -> None:
        """Make ready what a run will ask for: a traced density is compiled once more, without its gradient, if that is needed."""
        if "log_density" in oracles and hasattr(self.function, "without_gradient"):
            self.function.without_gradient()

    def start(self, generator: np.random.Generator) -> Floats:
        """Return a point uniform in (-2, 2), as Stan begins."""
        return generator.uniform(-2.0, 2.0, self.dim)

    def doubt(self, position: Floats) -> str:
        """Return what the model says of a position where the log density is not finite; nothing where it knows nothing."""
        model: Any = getattr(self.function, "model", None)
        return str(model.doubt(position)) if hasattr(model, "doubt") else ""

    def lacks(self, oracle: str) -> str:
        """Return what to do about an oracle that is not there; nothing where that is plain."""
        if oracle != "gradient":
            return ""
        return "; a log density has no rows: give its terms to stochinf.FiniteSum, or follow the whole gradient with mcmc.NUTS()"

    def variables(self, positions: Floats) -> dict[str, Floats]:
        """Return positions (..., dim) under the names, shapes and constraints of their model."""
        model = getattr(self.function, "model", None)
        return {"position": positions} if model is None else model.constrain(positions)

    def log_density(self, position: Floats) -> float:
        """Return the log density, NaN where the function says that it is not finite."""
        code, value = evaluate(self.function, position, self.data)
        return value if code == 0 else self.note(code, position)

    def log_density_gradient(self, position: Floats, out: Floats) -> float:
        """Write the gradient into `out`; return the log density, NaN where the function says that it is not finite."""
        code, value = differentiate(self.function, position, out, self.data)
        return value if code == 0 else self.note(code, position)

    def note(self, code: int, position: Floats) -> float:
        """Note the first error of the function's own; return NaN."""
        if code != 1 and self.code[0] == 0:
            self.code[0] = code
            for i in range(position.size):
                self.culprit[i] = position[i]
        return math.nan

    def failure(self) -> BaseException | None:
        """Return the error that the function met, if it did."""
        if self.code[0] == 0:
            return None
        position = np.array(self.culprit)
        raised = self.function.cause(self.data, position) if hasattr(self.function, "cause") else None
        if raised is not None and not isinstance(raised, Exception):
            return raised  # type: ignore[no-any-return]  # the user's Ctrl-C
        return DensityError(int(self.code[0]), position, raised)
