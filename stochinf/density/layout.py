"""The named parameters of a density on one position: which free numbers make which value."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.density.constraints import Parameter
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError

__all__ = ["Layout", "plain_or_array"]

Floats = npt.NDArray[np.float64]


class Layout:
    """Parameters in their order, each with its stretch of the position.

    Parameters
    ----------
    params : mapping
        Parameters by name; what a bound needs comes before it.
    data : mapping
        What bounds may depend on besides.

    Attributes
    ----------
    dim : int
        Length of a position.
    params : dict
    """

    def __init__(self, params: Mapping[str, Parameter], data: Mapping[str, Any]) -> None:
        self.params: dict[str, Parameter] = dict(declared(params, data))
        ends = list(itertools.accumulate(parameter.size for parameter in self.params.values()))
        self.dim = ends[-1]
        self.stretches = {name: slice(end - self.params[name].size, end) for name, end in zip(self.params, ends, strict=True)}

    @classmethod
    def of_positions(cls, dim: int | None, params: Mapping[str, Parameter] | None) -> Layout:
        """Return the layout of a function of positions: the parameters given, or one vector of real numbers."""
        if params is None:
            if dim is None:
                raise StochinfError("dim = None: the length of a position is needed, or params")
            return cls({"position": Parameter((counted("dim", dim),))}, {})
        made = cls(params, {})
        if dim is not None and counted("dim", dim) != made.dim:
            raise StochinfError(f"dim = {dim}, and the parameters have {made.dim} free numbers")
        return made

    def checked(self, position: Any) -> Floats:
        """Return a position as an array of its own."""
        given = np.array(position, dtype=np.float64)
        if given.shape != (self.dim,):
            raise StochinfError(
                f"a position of shape {given.shape}; {self.dim} free numbers are needed, or a dict of values by name"
            )
        return given

    def values(self, position: Any, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the parameters by name, of a position (dim,) or of draws (dim, draws); arrays or traced."""
        found: dict[str, Any] = {}
        known = dict(data)
        for name, parameter in self.params.items():
            found[name] = known[name] = parameter.constrain(position[self.stretches[name]], known)
        return found

    def log_jacobian(self, position: Any, values: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
        """Return the log of the volume that the map from positions to values makes of a unit, at one position."""
        known = {**data, **values}
        total: Any = 0.0
        for name, parameter in self.params.items():
            if type(parameter) is not Parameter:
                total = total + parameter.log_jacobian(position[self.stretches[name]], known)
        return total

    def draws(self, positions: Floats, data: Mapping[str, Any]) -> dict[str, Floats]:
        """Return the values of positions (..., dim) by name, each of shape (..., *shape)."""
        outer = positions.shape[:-1]
        flat = np.ascontiguousarray(positions.reshape(-1, self.dim).T)
        known = {name: value[..., None] if np.ndim(value) else value for name, value in data.items()}
        found = self.values(flat, known)
        return {
            name: np.ascontiguousarray(np.moveaxis(np.asarray(found[name]), -1, 0)).reshape((*outer, *parameter.shape))
            for name, parameter in self.params.items()
        }

    def position(self, point: Mapping[str, Any], data: Mapping[str, Any]) -> Floats:
        """Return the position of values by name.

        Raises
        ------
        StochinfError
            If a name is missing or unknown, a shape does not fit, or a value breaks its parameter's constraint.
        """
        values = self.point(point)
        known = {**data, **values}
        free = []
        for name, parameter in self.params.items():
            try:
                free.append(parameter.unconstrain(values[name], known))
            except StochinfError as error:
                raise StochinfError(f"{name} = {point[name]}: {error}") from None
        return np.concatenate(free)

    def point(self, point: Mapping[str, Any]) -> dict[str, Floats]:
        """Return a point with every value as an array of its parameter's shape, in the order of the parameters."""
        for name in point:
            if name not in self.params:
                raise StochinfError(f"point: {name!r} is no parameter; they are {', '.join(self.params)}")
        found = {}
        for name, parameter in self.params.items():
            if name not in point:
                raise StochinfError(f"point: {name} is missing; a point has {', '.join(self.params)}")
            try:
                found[name] = np.array(point[name], dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise StochinfError(f"point: {name} = {point[name]!r}: numbers are needed") from error
            if found[name].shape != parameter.shape:
                raise StochinfError(f"point: {name} has shape {found[name].shape}, and {parameter.shape} is needed")
        return found

    def coordinates(self) -> Iterator[tuple[str, bool]]:
        """Yield for each number of a position its name, tau, theta[0], theta[1], ..., and whether it has no constraint."""
        for name, parameter in self.params.items():
            whole = parameter.size == np.prod(parameter.shape)
            places = np.ndindex(parameter.shape) if whole else ((k,) for k in range(parameter.size))
            for place in places:
                yield f"{name}[{', '.join(map(str, place))}]" if place else name, type(parameter) is Parameter


def declared(params: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[tuple[str, Parameter]]:
    """Yield the parameters, each checked."""
    if not isinstance(params, Mapping) or not params:
        raise StochinfError(f"params = {params!r}: a dict from names to parameters such as stochinf.density.real() is needed")
    known = set(data)
    for name, parameter in params.items():
        if not isinstance(parameter, Parameter):
            hint = "; call it" if callable(parameter) else ""
            raise StochinfError(f"params: {name} = {parameter!r}: a parameter such as stochinf.density.real() is needed{hint}")
        if name in data:
            raise StochinfError(f"{name!r} is among params and among data; give it once")
        for needed in parameter.needs:
            if needed not in known:
                where = "comes after it: move it before" if needed in params else "is neither a parameter nor data"
                raise StochinfError(f"params: a bound of {name} depends on {needed}, which {where}")
        known.add(name)
        yield name, parameter


def plain_or_array(value: Any) -> Any:
    """Return data as it is: a number, a text, a function; or as an array of its own."""
    return value if value is None or isinstance(value, (bool, int, float, str)) or callable(value) else np.array(value)
