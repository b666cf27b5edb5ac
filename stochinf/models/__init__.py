"""Ready targets."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "CoinBias": "coin",
        "LinearRegression": "least_squares",
        "LogisticRegression": "logistic",
        "PoissonRegression": "poisson",
        "SquaredHinge": "squared_hinge",
    },
)
