"""Restricted Boltzmann machines."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "ContrastiveDivergence": "contrastive",
        "Passes": "tapes",
        "RBM": "estimator",
        "Rows": "data",
        "SparseRows": "data",
    },
)
