"""Optimisers."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "SGD": "sgd",
        **dict.fromkeys(("Momentum", "Nesterov"), "momentum_rules"),
        **dict.fromkeys(("chain", "clip", "momentum", "shrink", "weight_decay"), "transforms"),
    },
)
