"""Search for hyperparameters: at random, from coarse to fine, by successive halving, by a model of the score."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        **dict.fromkeys(("Choice", "Integers", "Log", "Uniform"), "space"),
        **dict.fromkeys(("BorderWarning", "Search", "Trial"), "trials"),
        **dict.fromkeys(("coarse_to_fine", "random"), "at_random"),
        **dict.fromkeys(("cross_validation", "descents", "partial_fits"), "scores"),
        "bayesian": "by_model",
        "successive_halving": "halving",
    },
)
