"""Fields of parts: numbers and arrays become what their annotations say, without loss, or an error names the field."""

from __future__ import annotations

import operator
import types as python_types
import typing
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError

__all__ = ["convert", "counted"]


def convert(name: str, value: Any, annotation: Any) -> Any:
    """Return `value` as the annotated type: numbers of the type, arrays C-contiguous, writeable and of the dtype.

    Raises
    ------
    StochinfError
        If the value cannot be converted without loss; the message names the field, the value and what is needed.
    """
    annotation = _spelled_out(annotation)
    origin = typing.get_origin(annotation)
    if origin is np.ndarray or annotation is np.ndarray:
        return _array(name, value, typing.get_args(annotation))
    if origin is tuple:
        return _tuple(name, value, typing.get_args(annotation))
    if annotation is float:
        return _number(name, value, float)
    if annotation is int:
        return _integer(name, value, np.dtype(np.int64))
    if isinstance(annotation, type) and issubclass(annotation, np.integer):
        return annotation(_integer(name, value, np.dtype(annotation)))
    if isinstance(annotation, type) and issubclass(annotation, np.floating):
        return _in_range(name, annotation, _number(name, value, float))
    return value


def _tuple(name: str, value: Any, wanted: tuple[Any, ...]) -> Any:
    if not isinstance(value, (tuple, list, np.ndarray)):
        raise StochinfError(f"{name} = {value!r}: {len(wanted)} numbers are needed")
    if len(wanted) != len(value):
        raise StochinfError(f"{name} = {value!r}: {len(wanted)} numbers needed, {len(value)} given")
    return tuple(convert(f"{name}[{k}]", v, w) for k, (v, w) in enumerate(zip(value, wanted, strict=True)))


def _number(name: str, value: Any, kind: Callable[[Any], Any], wanted: str = "a number") -> Any:
    if isinstance(value, (str, bytes)) or np.ndim(value):
        raise StochinfError(f"{name} = {value!r}: {wanted} is needed")
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise StochinfError(f"{name} = {value!r}: {wanted} is needed") from error


def _integer(name: str, value: Any, dtype: np.dtype[Any]) -> int:
    number = int(_number(name, value, operator.index, "an integer"))
    limits = np.iinfo(dtype)
    if not limits.min <= number <= limits.max:
        raise StochinfError(f"{name} = {value!r}: an integer from {limits.min} to {limits.max} is needed")
    return number


def _in_range(name: str, kind: Any, value: Any) -> Any:
    """Return `kind(value)`, where a finite number stays finite."""
    with np.errstate(over="ignore"):
        converted = value.astype(kind) if isinstance(value, np.ndarray) else kind(value)
    if not np.array_equal(np.isfinite(converted), np.isfinite(value)):
        raise StochinfError(f"{name}: {np.asarray(value)[~np.isfinite(converted)].flat[0]!r} is too large for {kind.__name__}")
    return converted


def _spelled_out(annotation: Any) -> Any:
    """Return `npt.NDArray[scalar]` as ndarray; since numpy 2.5 it is an alias that keeps its own name."""
    if annotation is npt.NDArray:
        return np.ndarray
    if typing.get_origin(annotation) is npt.NDArray:
        return python_types.GenericAlias(np.ndarray, (Any, python_types.GenericAlias(np.dtype, typing.get_args(annotation))))
    return annotation


def _array(name: str, value: Any, arguments: tuple[Any, ...]) -> Any:
    dtype = typing.get_args(arguments[1])[0] if len(arguments) > 1 and typing.get_args(arguments[1]) else None
    try:
        given = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise StochinfError(f"{name}: the rows have unequal lengths; an array is needed") from error
    if given.dtype.kind not in "biufc":
        raise StochinfError(
            f"{name}: an array of numbers is needed, not of {given.dtype.name} such as {given.flat[0] if given.size else value!r}"
        )
    if np.ma.is_masked(value):
        raise StochinfError(
            f"{name}: {int(np.ma.getmaskarray(value).sum())} entries are masked; an array without a mask is needed"
        )
    if given.dtype.kind == "c" and np.dtype(dtype or given.dtype).kind != "c":
        raise StochinfError(f"{name}: real numbers are needed, complex ones given")
    wanted = dtype if isinstance(dtype, type) and issubclass(dtype, np.generic) and dtype is not np.generic else None
    if wanted is not None and given.dtype != wanted:
        given = _cast(name, given, wanted)
    return np.require(given, requirements=["C", "A", "W"])


def _cast(name: str, given: npt.NDArray[Any], wanted: Any) -> npt.NDArray[Any]:
    """Return an array of another type, refusing what would change its numbers beyond rounding."""
    if issubclass(wanted, np.integer) and given.size:
        if given.dtype.kind == "f" and not (whole := np.isfinite(given) & (given == np.rint(given))).all():
            raise StochinfError(f"{name}: whole numbers are needed, {given[~whole].flat[0]!r} given")
        limits = np.iinfo(wanted)
        for extreme in (given.min(), given.max()):
            if not limits.min <= int(extreme) <= limits.max:
                raise StochinfError(f"{name}: {extreme!r} given; numbers from {limits.min} to {limits.max} are needed")
    if issubclass(wanted, np.floating):
        given = _in_range(name, wanted, given)
    return given.astype(wanted)


def counted(name: str, value: Any, least: int = 1) -> int:
    """Return a count as an int.

    Raises
    ------
    StochinfError
        If it is no whole number or less than `least`.
    """
    try:
        count = operator.index(value)
    except TypeError:
        raise StochinfError(f"{name} = {value!r}: a whole number is needed") from None
    if isinstance(value, (bool, np.bool_)) or not least <= count < 2**60:
        raise StochinfError(f"{name} = {value!r}: a whole number of at least {least} is needed")
    return count
