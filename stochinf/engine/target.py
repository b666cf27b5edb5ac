"""What the engine asks of targets and kernels before anything compiles."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.loop import evaluate
from stochinf.engine.observers import Draws, find
from stochinf.engine.parts import CONTRACT, is_part
from stochinf.engine.rates import prepared

__all__ = [
    "as_target",
    "check_kernel",
    "check_role",
    "check_stop",
    "check_yield",
    "demand_success",
    "named",
    "offers",
    "starting_log_density",
    "starting_positions",
]


def as_target(model: Any) -> Any:
    """Return the part that compiled code works on: the model itself, or what its `as_target()` makes.

    Raises
    ------
    StochinfError
        If the model is neither a part nor has `as_target`.
    """
    if hasattr(model, "as_target"):
        return model.as_target()
    if is_part(type(model)):
        return model
    raise StochinfError(
        f"target {model!r}: a {type(model).__name__} is no model; give one of stochinf.models, a FactorGraph or a NamedTuple part"
    )


def check_kernel(kernel: Any, target: Any) -> None:
    """Demand that the kernel has the contract's methods, and the target the oracles it needs.

    Raises
    ------
    StochinfError
        Naming the kernel, the target and the missing method.
    """
    name = type(kernel).__name__
    if not is_part(type(kernel)):
        hint = "; make an instance" if isinstance(kernel, type) else ""
        raise StochinfError(f"kernel {kernel!r}: a NamedTuple part such as stochinf.mcmc.Metropolis() is needed{hint}")
    kernel = prepared(kernel, target)
    for method in ("init", "update"):
        if not hasattr(kernel, method):
            raise StochinfError(
                f"{name}: a kernel needs the method {method}; see 'write a kernel of your own' in the documentation"
            )
    check_needs(kernel, target)


WAYS_OUT = {
    "draws": "draw with stochinf.sample(target, kernel={}), or minimise with a rule such as stochinf.optim.SGD()",
    "optimum": "minimise with stochinf.minimize(problem, {}), or draw with a sampler such as stochinf.mcmc.SGLD()",
}
"""What to do with a kernel that stands at the wrong front door, by what it yields."""


def check_yield(door: str, kernel: Any, wanted: str) -> None:
    """Demand that a kernel yields what a front door promises; one that does not say what it yields may enter anywhere.

    Raises
    ------
    StochinfError
        Naming the kernel, what it yields and the right front door.
    """
    yields = wanted if isinstance(kernel, type) else getattr(kernel, "yields", wanted)
    if yields != wanted:
        name = type(kernel).__name__
        way_out = WAYS_OUT.get(yields, "").format(f"{name}()")
        raise StochinfError(f"{door} looks for {wanted}, and {name} yields {yields}; {way_out}")


def check_role(role: str, value: Any, method: str) -> None:
    """Demand that a picker or an observer is a part with its method.

    Raises
    ------
    StochinfError
        Naming the argument, its value and what is needed.
    """
    if not (is_part(type(value)) and hasattr(value, method)):
        raise StochinfError(f"{role} {value!r}: a NamedTuple part with the method {method} is needed, see stochinf.{role}s")


def check_stop(rule: Any, target: Any, observer: Any) -> None:
    """Demand what a stopping rule will ask for: a certificate of the target, draws or sums of the observer.

    Raises
    ------
    StochinfError
        Naming what is missing.
    """
    needs = getattr(rule, "needs", ())
    if "certificate" in needs and not hasattr(target, "certificate"):
        raise StochinfError(f"stop.tolerance: {type(target).__name__} has no certificate(position), a gap or gradient norm")
    if "objective" in needs and not hasattr(target, "objective"):
        raise StochinfError(f"stop.below: {type(target).__name__} has no objective(position)")
    if "convergence" in needs and not hasattr(observer, "convergence") and find(observer, Draws) is None:
        raise StochinfError(f"stop: {type(observer).__name__} keeps no draws to judge convergence by; use the observer Draws()")


def check_needs(asker: Any, target: Any) -> None:
    """Demand the oracles that a kernel or an observer names in `needs`."""
    for oracle in getattr(asker, "needs", ()):
        if not offers(target, oracle):
            meaning = CONTRACT.get(oracle, oracle)
            way = target.lacks(oracle) if hasattr(target, "lacks") else ""
            raise StochinfError(
                f"{type(asker).__name__} needs {oracle} of its target, and {type(target).__name__} has none ({meaning}){way}"
            )


def offers(target: Any, oracle: str) -> bool:
    """Whether a target has an oracle; a target may have a method and still say no, by its own `offers(oracle)`."""
    return hasattr(target, oracle) and (not hasattr(target, "offers") or target.offers(oracle))


def demand_success(target: Any) -> None:
    """Raise the error that a target's function met, if it met one."""
    failure = target.failure() if hasattr(target, "failure") else None
    if failure is not None:
        raise failure


def starting_log_density(kernel: Any, target: Any, start: npt.NDArray[np.float64]) -> float:
    """Return the log density of a starting point.

    Raises
    ------
    StochinfError
        If it is not finite.
    DensityError
        If the density met an error of its own.
    """
    log_density = evaluate(target, start)
    demand_success(target)
    if not math.isfinite(log_density):
        raise StochinfError(
            f"{type(kernel).__name__}: the log density at the starting point {start} is {log_density};"
            " give init= where it is finite"
        )
    return float(log_density)


def starting_positions(init: Any, chains: int) -> npt.NDArray[Any] | None:
    """Return `init` as an array of finite numbers: one position, or one row per chain.

    Raises
    ------
    StochinfError
        If it holds other things than finite numbers, or rows for another number of chains.
    """
    if init is None:
        return None
    try:
        given = np.asarray(init)
    except ValueError as error:
        raise StochinfError("init: the rows have unequal lengths") from error
    if given.dtype == object or given.dtype.kind not in "biuf":
        raise StochinfError(f"init: numbers are needed, not {given.dtype}")
    if not np.isfinite(given).all():
        raise StochinfError(f"init: {given[~np.isfinite(given)].flat[0]} given; starting positions are finite")
    if given.ndim > 2:
        raise StochinfError(f"init: shape {given.shape}; one position (dim,), or one row per chain (chains, dim), is needed")
    if given.ndim == 2 and given.shape[0] != chains:
        raise StochinfError(
            f"init: {given.shape[0]} rows given for {chains} chains; give one row per chain, or one position for all"
        )
    return np.atleast_1d(given)


def named(target: Any, positions: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    """Return positions (chain, draw, ...) under the names that the target gives them."""
    if hasattr(target, "variables"):
        return target.variables(positions)  # type: ignore[no-any-return]
    return {"position": positions}
