"""Variational inference: belief propagation, tree-reweighted bounds, mean field, max-product."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Variational": "result",
        "belief_propagation": "loopy",
        "max_product": "decoding",
        "mean_field": "naive",
        "tree_reweighted": "reweighted",
    },
)
