"""Vectors as wide as the processor has, where chains are SIMD lanes.

LLVM uses half the width of AVX-512 unless a function asks for all of it, because early processors with it slowed down. A kernel
with the trait `lanes` is nothing but long loops over lanes, which the full width makes 1.3 to 1.8 times as fast. Each lane does
the same arithmetic at any width, so the draws are the same.
"""

from __future__ import annotations

from typing import Any

from stochinf.engine import light  # noqa: F401  (first)

# isort: split
import numba

__all__ = ["prefer_wide_vectors"]

ATTRIBUTE = '"prefer-vector-width"="512"'
"""Has no effect on processors with narrower vectors."""


def prefer_wide_vectors(kernel: Any) -> None:
    """Ask for the widest vectors in the function that calls this, where the kernel has the trait `lanes`."""


if not numba.config.DISABLE_JIT:
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def prefer_wide_vectors(typing_context: Any, kernel: Any) -> Any:
        """Mark the function that is being compiled; llvmlite's own list of attributes has no width in it."""
        lanes = getattr(getattr(kernel, "instance_class", None), "lanes", False)

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            if lanes:
                set.add(builder.function.attributes, ATTRIBUTE)
            return context.get_dummy_value()

        return types.void(kernel), codegen
