"""Numpy's functions that cannot be traced but have a way out of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from stochinf.density.traced import FUNCTIONS, computed

__all__: list[str] = []

PLACES = "give the places as data, or loop with stochinf.density.scan"
WAYS = {
    **dict.fromkeys(
        ("copyto", "put", "putmask", "place", "fill_diagonal", "put_along_axis"),
        "traced values do not go into a plain array: value * np.ones(n) for np.full; np.stack, np.concatenate, np.diag, np.where",
    ),
    **dict.fromkeys(
        ("sort", "argsort", "partition", "median", "quantile", "percentile"),
        "sd.ordered makes parameters in their order",
    ),
    **dict.fromkeys(("argmax", "argmin", "nonzero", "flatnonzero", "searchsorted", "unique", "count_nonzero"), PLACES),
    **dict.fromkeys(
        (
            "linalg.slogdet",
            "linalg.det",
            "linalg.inv",
            "linalg.solve",
            "linalg.pinv",
            "linalg.lstsq",
            "linalg.eigh",
            "linalg.svd",
        ),
        "for a positive definite matrix: L = np.linalg.cholesky(A); log det A = 2 np.log(np.diag(L)).sum(); "
        "A^-1 b = solve_triangular(L, solve_triangular(L, b, lower=True), lower=True, trans=1)",
    ),
}
"""What to write in place of a function."""


def refusal(name: str, way: str) -> Callable[..., Any]:
    """Return a function that says what to write in its place, unless all that it is given depends on data alone."""

    def refuse(*operands: Any, **options: Any) -> Any:
        function: Any = functools.reduce(getattr, name.split("."), np)
        return computed(function, operands, options, f"np.{name}", way)

    return refuse


FUNCTIONS |= {name: refusal(name, way) for name, way in WAYS.items()}
