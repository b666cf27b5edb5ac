"""Posterior approximations by optimisation: Laplace's method, Pathfinder, and mean-field variational inference."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Approximation": "approximation",
        "advi": "mean_field",
        "laplace": "mode",
        "pareto_smoothed": "smoothing",
        "pathfinder": "paths",
    },
)
