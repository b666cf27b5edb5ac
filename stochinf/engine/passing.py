"""Pass parts that are only read as one value.

Numba hands a named tuple over as all the numbers in it, seven for each array: a function that takes twenty arrays has 140
arguments, which are taken apart for each call and put together again in each function. All of it vanishes when the functions
are inlined, but costs a quarter of a first call's time. A part with the trait `whole` is handed over as it is. What gets lost
is that LLVM is told of each of its arrays that nothing else overlaps it, which matters for arrays that are written to.
"""

from __future__ import annotations

from typing import Any

from stochinf.engine import light  # noqa: F401  (first)

# isort: split
from numba import types
from numba.core.datamodel import default_manager
from numba.core.datamodel.models import TupleModel

__all__ = ["pass_whole"]


class PartModel(TupleModel):  # type: ignore[misc]
    """How named tuples are laid out and handed over."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind)
        self.whole = getattr(kind.instance_class, "whole", False) is True

    def get_argument_type(self) -> Any:
        """Return the types of the arguments that stand for a tuple."""
        return self.get_value_type() if self.whole else super().get_argument_type()

    def as_argument(self, builder: Any, value: Any) -> Any:
        """Take a tuple apart."""
        return value if self.whole else super().as_argument(builder, value)

    def from_argument(self, builder: Any, value: Any) -> Any:
        """Put a tuple together."""
        return value if self.whole else super().from_argument(builder, value)


def pass_whole() -> None:
    """Let parts with the trait `whole` be passed as one value."""
    default_manager.register(types.NamedTuple, PartModel)
