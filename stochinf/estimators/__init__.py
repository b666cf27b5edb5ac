"""Optimisers as scikit-learn estimators."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        **dict.fromkeys(("SGDClassifier", "SGDRegressor"), "stochastic"),
        **dict.fromkeys(("ElasticNet", "Lasso", "SparseLogistic"), "sparse"),
    },
)
