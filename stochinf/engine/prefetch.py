r"""Asking for memory before it is needed.

Rows that are visited in random order lie in no cache when their turn comes, and a step that waits for the one before it cannot
ask for them by itself. The tape of points says what comes next.
"""

from __future__ import annotations

from typing import Any

from stochinf.engine import light  # noqa: F401  (first)

# isort: split
import numba

__all__ = ["prefetch"]


def prefetch(array: Any, place: Any) -> None:
    """Ask for the cache line of an entry of a flat array; the place may lie beyond the end."""


if not numba.config.DISABLE_JIT:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    READ, KEEP, DATA = 0, 3, 1

    @intrinsic
    def prefetch(typing_context: Any, array: Any, place: Any) -> Any:
        """Emit LLVM's prefetch."""
        signature = types.none(array, types.uint64)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
            number = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
            builder.call(function, [pointer, *(ir.Constant(number, n) for n in (READ, KEEP, DATA))])
            return context.get_dummy_value()

        return signature, codegen
