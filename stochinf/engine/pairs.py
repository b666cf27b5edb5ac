r"""Roots and quotients of two numbers at once.

A processor divides two numbers, and takes two roots, in the time of one; a compiler does so in loops of four and more, and takes
what such a loop leaves over one by one. For a handful of coordinates the rest is half of the work.
"""

from __future__ import annotations

import math
from typing import Any

from stochinf.engine import light  # noqa: F401  (first)

# isort: split
import numba

__all__ = ["over_roots"]


def over_roots(first: float, second: float, square: float, other: float, shift: float) -> tuple[float, float]:
    """Return first / (sqrt(square) + shift) and second / (sqrt(other) + shift)."""
    return first / (math.sqrt(square) + shift), second / (math.sqrt(other) + shift)


if not numba.config.DISABLE_JIT:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    DOUBLES = ir.VectorType(ir.DoubleType(), 2)

    def _pair(builder: Any, one: Any, two: Any) -> Any:
        """Return two numbers as a vector."""
        vector = ir.Constant(DOUBLES, ir.Undefined)
        for place, number in enumerate((one, two)):
            vector = builder.insert_element(vector, number, ir.Constant(ir.IntType(32), place))
        return vector

    @intrinsic
    def over_roots(typing_context: Any, first: Any, second: Any, square: Any, other: Any, shift: Any) -> Any:
        """Emit one vector of roots and one of quotients."""
        signature = types.UniTuple(types.float64, 2)(*[types.float64] * 5)  # type: ignore[attr-defined]

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.FunctionType(DOUBLES, [DOUBLES])
            root = cgutils.get_or_insert_function(builder.module, kind, "llvm.sqrt.v2f64")
            roots = builder.call(root, [_pair(builder, arguments[2], arguments[3])])
            below = builder.fadd(roots, _pair(builder, arguments[4], arguments[4]))
            quotients = builder.fdiv(_pair(builder, arguments[0], arguments[1]), below)
            both = [builder.extract_element(quotients, ir.Constant(ir.IntType(32), place)) for place in (0, 1)]
            return context.make_tuple(builder, signature.return_type, both)

        return signature, codegen
