"""How compiled code finds the members of parts: fields first, then the methods that their classes define.

A method call is typed and lowered as a call of the dispatcher of that method and that type. Numba's `overload_method` would
compile a function between the two for each method and each combination of arguments, a sixth of a first call's time.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from stochinf.engine import light  # noqa: F401  (first)

# isort: split
from numba import types
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr
from numba.extending import lower_builtin

__all__ = ["offer_members", "offer_method"]

KINDS = (types.NamedTuple, types.NamedUniTuple)

Finder = Callable[[Any, str], Any]
"""Returns the dispatcher of a method of a numba type, or None where its class has no such method."""


def offer_members(names: Container[str], find: Finder) -> None:
    """Tell numba of the fields and methods of named tuples; a field wins over another class's method of the same name."""
    for kind in KINDS:

        class Members(AttributeTemplate):  # type: ignore[misc]
            key = kind

            def generic_resolve(self, named_tuple: Any, name: str) -> Any:
                if name in named_tuple.fields:
                    return named_tuple[named_tuple.fields.index(name)]
                dispatcher = find(named_tuple, name) if name in names else None
                return None if dispatcher is None else _bound(named_tuple, (self.key, name), dispatcher)

        infer_getattr(Members)


def _bound(named_tuple: Any, kind_and_name: tuple[Any, str], dispatcher: Any) -> Any:
    """Return the type of a method that is bound to a named tuple."""

    class Method(AbstractTemplate):  # type: ignore[misc]
        key = kind_and_name

        def generic(self, arguments: Any, named: Any) -> Any:
            signature = types.Dispatcher(dispatcher).get_call_type(self.context, (named_tuple, *arguments), named)
            return None if signature is None else signature.as_method()

    return types.BoundFunction(Method, named_tuple)


def offer_method(name: str, find: Finder) -> None:
    """Tell numba how to call the method `name` of named tuples."""

    def call(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        method = context.get_function(types.Dispatcher(find(signature.args[0], name)), signature)
        context.add_linking_libs(getattr(method, "libs", ()))
        return method(builder, arguments)

    for kind in KINDS:
        lower_builtin((kind, name), kind, types.VarArg(types.Any))(call)
