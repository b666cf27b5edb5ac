"""Matrix products in compiled code, by the BLAS that numba takes from scipy.

`np.dot` is compiled anew for every combination of array layouts, which takes seconds, counts references, and needs a copy to
add to an array. This is the call behind it, `numba_xxgemm`, and nothing around it. Where numba has no such call the product is
written out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import linalg

from stochinf.engine.jit import compiled_as

__all__ = ["AVAILABLE", "multiply"]

Singles = npt.NDArray[np.float32]

AVAILABLE = all(hasattr(linalg, name) for name in ("call_xxgemm", "check_blas_return", "ensure_blas"))

BYTE, WORD, NUMBER = ir.IntType(8), ir.IntType(64), ir.FloatType()
ANY = BYTE.as_pointer()
GEMM = ir.FunctionType(ir.IntType(32), [BYTE, BYTE, BYTE, WORD, WORD, WORD, ANY, ANY, WORD, ANY, WORD, ANY, ANY, WORD])
"""Result and arguments: kind, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc."""


def multiply(a: Singles, a_turned: bool, b: Singles, b_turned: bool, out: Singles, keep: Any) -> None:
    """Write A B + keep out to `out`; A is the matrix a, or its transpose where it is turned, and B likewise.

    Parameters
    ----------
    a, b, out : ndarray of float32, two-dimensional
        C-contiguous and not empty; their shapes are not checked.
    a_turned, b_turned : bool
        Whether the transpose is meant.
    keep : float32
        0 overwrites, 1 adds.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.engine.blas import multiply
    >>> a, out = np.array([[1, 2], [3, 4]], np.float32), np.ones((2, 2), np.float32)
    >>> multiply(a, True, a, False, out, np.float32(1.0))
    >>> out
    array([[11., 15.],
           [15., 21.]], dtype=float32)
    """
    left, right = a.T if a_turned else a, b.T if b_turned else b
    out[:] = left @ right + (keep * out if keep else np.float32(0.0))


@compiled_as(multiply)
def _multiply(a, a_turned, b, b_turned, out, keep):  # type: ignore[no-untyped-def]  # numba compares signatures, annotations included
    def by_blas(a, a_turned, b, b_turned, out, keep):  # type: ignore[no-untyped-def]
        _gemm(a, a_turned, b, b_turned, out, np.float32(keep))

    def written_out(a, a_turned, b, b_turned, out, keep):  # type: ignore[no-untyped-def]
        for i in range(out.shape[0]):
            for j in range(out.shape[1]):
                total = np.float32(keep * out[i, j]) if keep != 0 else np.float32(0.0)
                for k in range(a.shape[0] if a_turned else a.shape[1]):
                    total += (a[k, i] if a_turned else a[i, k]) * (b[j, k] if b_turned else b[k, j])
                out[i, j] = total

    if AVAILABLE:
        linalg.ensure_blas()
    return by_blas if AVAILABLE else written_out


@intrinsic
def _gemm(typing_context: Any, a: Any, a_turned: Any, b: Any, b_turned: Any, out: Any, keep: Any) -> Any:
    """Call BLAS, which counts by columns, on the transposes of matrices that lie row by row: out' = B' A' + keep out'."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        arrays = [context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 2, 4)]
        (first, second, result) = (cgutils.unpack_tuple(builder, array.shape) for array in arrays)
        a_data, b_data, out_data = (builder.bitcast(array.data, ANY) for array in arrays)
        alpha, beta = (cgutils.alloca_once_value(builder, value) for value in (NUMBER(1.0), arguments[5]))
        a_turned, b_turned = (builder.select(arguments[k], BYTE(ord("t")), BYTE(ord("n"))) for k in (1, 3))
        depth = builder.select(arguments[1], first[0], first[1])
        function = cgutils.get_or_insert_function(builder.module, GEMM, "numba_xxgemm")
        what = (BYTE(ord("s")), b_turned, a_turned, result[1], result[0], depth)
        factors = (builder.bitcast(alpha, ANY), b_data, second[1], a_data, first[1])
        code = builder.call(function, (*what, *factors, builder.bitcast(beta, ANY), out_data, result[1]))
        linalg.check_blas_return(context, builder, code)
        return context.get_dummy_value()

    return types.none(a, types.boolean, b, types.boolean, out, types.float32), codegen
