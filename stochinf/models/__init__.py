"""Ready targets."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "CoinBias": "coin",
        "Constrained": "constrained",
        "GroupLasso": "groups",
        "Lasso": "penalised",
        "LinearRegression": "least_squares",
        "LogisticRegression": "logistic",
        "Penalised": "penalised",
        "MultinomialRegression": "multinomial",
        "PoissonRegression": "poisson",
        "SquaredHinge": "squared_hinge",
        **dict.fromkeys(("hidden_markov", "hierarchical", "mixture", "normal"), "bayesian"),
        **dict.fromkeys(("Box", "ElasticNet", "L1", "MCP", "SCAD"), "penalties"),
    },
)
