"""Exact inference: elimination orders, junction trees, marginals, the most probable state, the partition function, draws."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Elimination": "elimination",
        "JunctionTree": "calibration",
        "exact_draws": "answers",
        "exact_log_partition": "answers",
        "exact_map": "answers",
        "exact_marginals": "answers",
        "plan_elimination": "elimination",
    },
)
