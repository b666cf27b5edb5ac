"""The decorator that makes NamedTuple classes usable inside the compiled loop.

A part is a `NamedTuple` class with ordinary Python methods: a picker, schedule, kernel, target, state or observer. Its fields
are scalars, arrays, C function pointers or other parts. `part` does three things: it converts and checks the fields when an
instance is made, and calls `checked()`, which may check further and return a completed copy; it gives a kernel the default
`sweep`; and it makes every method callable from compiled code, where it is inlined. Without the JIT the same methods run as
plain Python.
"""

from __future__ import annotations

import types as python_types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, overload

from stochinf.engine.convert import convert
from stochinf.engine.errors import StochinfError

__all__ = ["CONTRACT", "convert", "is_part", "part"]

CONTRACT = {
    "fill": "picker: fill(points, start, rng) writes the next points onto the tape",
    "at": "schedule: at(step) returns the rate of a step",
    "update": "kernel: update(target, state, point, rate, rng) changes the state in place",
    "sweep": "kernel: sweep(target, state, points, rates, start, stop, rng) does a stretch of the tape",
    "observe": "observer: observe(target, state) remembers",
    "value": "target: value(position, point) is the loss at a point",
    "gradient": "target: gradient(position, point, out) writes the gradient at a point",
    "log_density": "target: log_density(position), unnormalised",
    "log_density_gradient": "target: log_density_gradient(position, out) writes the gradient and returns the log density",
    "conditional": "target: conditional(state, point, out) writes the log weights of a variable's states",
}
"""The methods that the loop and the kernels call, and what each means."""

Class = TypeVar("Class", bound=type)

_registered: set[str] = set()
_looks: set[tuple[bytes, ...]] = set()


@overload
def part(cls: Class, /) -> Class: ...
@overload
def part(**traits: Any) -> Callable[[Class], Class]: ...
def part(cls: Any = None, /, **traits: Any) -> Any:
    """Make a NamedTuple class a part of the engine; public as `stochinf.kernel`.

    Parameters
    ----------
    **traits
        What Python may know of the class, set as class attributes: `needs` (oracles that the target must have),
        `rate_field` (the field that holds the kernel's own rate), `statistics` (names of `state.stats`), `lanes` (chains are
        SIMD lanes), `single` (a step takes one point, never a batch), `yields` (what a kernel's positions are, "draws" or
        "optimum"; front doors for the other refuse it), `allocates` (it makes new arrays or calls numpy's linear algebra),
        `blas` (it calls `stochinf.engine.blas`), `reorder` (its sums may be reordered), `sparse`, `whole` (compiled code
        only reads its arrays: it is passed as one value, which compiles quicker).

    Returns
    -------
    class
        The same class; with traits, a decorator of classes.

    Raises
    ------
    StochinfError
        If the class is no NamedTuple, or if a field has the name of a contract method, which compiled code cannot tell apart.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> import stochinf as si
    >>> @si.kernel
    ... class Halve(NamedTuple):
    ...     floor: float
    ...
    ...     def at(self, step):
    ...         return max(self.floor, 0.5**step)
    >>> Halve(0), Halve(0).at(3)
    (Halve(floor=0.0), 0.125)
    """
    if cls is None:
        return lambda later: _made_part(later, traits)
    return _made_part(cls, traits)


def _made_part(cls: Any, traits: dict[str, Any]) -> Any:
    if not is_part(cls):
        raise StochinfError(f"{cls.__name__}: a part is a typing.NamedTuple class; write class {cls.__name__}(NamedTuple)")
    clash = sorted(set(cls._fields) & set(CONTRACT))
    if clash:
        raise StochinfError(f"{cls.__name__}: field {clash[0]!r} has the name of a contract method; rename the field")
    for name, value in traits.items():
        setattr(cls, name, value)
    if "update" in vars(cls) and "sweep" not in vars(cls):
        cls.sweep = sweep
    if "at" in vars(cls) and "__call__" not in vars(cls):
        cls.__call__ = cls.at
    _tell_apart(cls)
    cls.__new__ = _converting(cls)
    for name, method in vars(cls).items():
        if isinstance(method, python_types.FunctionType) and not name.startswith("_"):
            _register(name)
    return cls


def _tell_apart(cls: Any) -> None:
    """Keep numba from taking a class for another of the same name and fields, say an earlier version of it in a notebook.

    Numba's dispatcher remembers types by a fingerprint of class name and field names, and would run the older class's code.
    An instance without `_asdict` has no fingerprint; its type is then worked out at every call, which costs microseconds.
    """
    look = tuple(name.encode("ascii", "ignore") for name in (cls.__name__, *cls._fields))
    if look in _looks:
        cls._asdict = property(_absent)
    _looks.add(look)


def _absent(self: Any) -> Any:
    raise AttributeError(f"{type(self).__name__}: _asdict is not offered where two classes share name and fields")


def is_part(cls: Any) -> bool:
    """Whether a class is a NamedTuple."""
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def sweep(self: Any, target: Any, state: Any, points: Any, rates: Any, start: int, stop: int, rng: Any) -> None:
    """Do a stretch of the tape one step at a time: what a kernel does unless it knows better."""
    for step in range(start, stop):
        self.update(target, state, points[step], rates[step], rng)


def _converting(cls: type) -> Callable[..., Any]:
    """Wrap the class's `__new__` so that fields are converted to their annotated types."""
    plain = cls.__new__
    hints: dict[str, Any] | None = None

    def __new__(klass: Any, *arguments: Any, **named: Any) -> Any:
        nonlocal hints
        if hints is None:
            hints = _annotations(cls)
        made = plain(klass, *arguments, **named)
        fields = (
            convert(f"{cls.__name__}.{name}", value, hints.get(name)) for name, value in zip(made._fields, made, strict=True)
        )
        instance = plain(klass, *fields)
        return instance.checked() if hasattr(cls, "checked") else instance

    __new__.__doc__, __new__.__signature__ = plain.__doc__, _signature(cls)  # type: ignore[attr-defined]
    return __new__


def _signature(cls: type) -> Any:
    import inspect

    try:
        return inspect.signature(cls.__new__)
    except (ValueError, TypeError):
        return None


def _annotations(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls)
    except NameError:
        return {name: hint for name, hint in cls.__annotations__.items() if not isinstance(hint, str)}


@cache
def _method(numba_type: Any, name: str) -> Any:
    """Return the compiled method of one type: one dispatcher per type and method, so a chain inside a chain is no recursion."""
    from stochinf.engine.jit import inlined

    cls = getattr(numba_type, "instance_class", None)
    method = getattr(cls, name, None)
    if not isinstance(method, python_types.FunctionType):
        return None
    return inlined(method, getattr(cls, "allocates", False), getattr(cls, "reorder", False))


def _register(name: str) -> None:
    """Let compiled code call the method `name` of any part."""
    from stochinf.engine.jit import JIT

    if not JIT or name in _registered:
        return
    from stochinf.engine import calls, passing

    if not _registered:
        passing.pass_whole()
        calls.offer_members(_registered, _method)
    _registered.add(name)
    calls.offer_method(name, _method)


kernel = part
"""The public name of `part`: `stochinf.kernel`."""
