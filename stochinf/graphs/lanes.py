r"""Arithmetic for SIMD lanes: float32, no calls, no branches, so that LLVM turns a loop over lanes into vector code."""

from __future__ import annotations

import numpy as np

from stochinf.engine.jit import helper

__all__ = ["exp2", "log2"]

LOG2_E = np.float32(1.4426950408889634)
"""exp(x) = 2^(x log2 e)."""


@helper(reorder=True)
def exp2(x: np.float32) -> np.float32:
    """Return 2^x in float32 to 3e-7 relative for |x| <= 126; beyond, 2^-126 or 2^126.

    The whole part of x becomes the exponent bits; the rest, in [-1/2, 1/2], goes through a minimax polynomial of degree 5.
    """
    bounded = min(max(x, np.float32(-126.0)), np.float32(126.0))
    whole = np.rint(bounded)
    z = bounded - whole
    p = np.float32(0.009675541) + z * np.float32(0.0013276472)
    p = np.float32(0.05550713) + z * p
    p = np.float32(0.2402212) + z * p
    p = np.float32(0.69314694) + z * p
    p = np.float32(1.0000001) + z * p
    bits = np.int32(np.int32(np.int32(whole) + np.int32(127)) << np.int32(23))
    return np.float32(p * bits.view(np.float32))


@helper(reorder=True)
def log2(x: np.float32) -> np.float32:
    """Return log2 x in float32 for normal x > 0: to 4e-7 relative in [0.7, 1.41], to 4e-7 absolute nearby.

    The exponent bits become the whole part, with the rest in [sqrt(1/2), sqrt 2), where log2(1 + f) = f p(f), p of degree 9.
    """
    bits = np.float32(x).view(np.int32)
    whole = np.int32(np.int32(bits - np.int32(0x3F3504F3)) >> np.int32(23))
    f = np.int32(bits - np.int32(whole << np.int32(23))).view(np.float32) - np.float32(1.0)
    p = np.float32(-0.1102016)
    p = np.float32(0.1863121) + f * p
    p = np.float32(-0.19102497) + f * p
    p = np.float32(0.20457529) + f * p
    p = np.float32(-0.23961905) + f * p
    p = np.float32(0.28856888) + f * p
    p = np.float32(-0.36069664) + f * p
    p = np.float32(0.4808982) + f * p
    p = np.float32(-0.72134733) + f * p
    p = np.float32(1.442695) + f * p
    return np.float32(np.float32(whole) + f * p)
