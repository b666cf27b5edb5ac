"""Logical factors by counters: rules over any number of variables, without tables."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "FUNCTIONS": "functions",
        "Logic": "builder",
        "LogicGibbs": "gibbs",
        "LogicGibbsWithSums": "gibbs",
        "LogicGraph": "target",
        "LogicalFactors": "factors",
        "LogicalGraph": "graph",
        "logic_target": "target",
    },
)
