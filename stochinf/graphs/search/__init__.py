"""Searches for the most probable state: annealing, tabu search, iterated conditional modes, and which suits a graph."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Found": "found",
        "annealing": "methods",
        "portfolio": "choosing",
        "cluster_tempering": "clustered",
        "iterated_conditional_modes": "methods",
        "tabu": "methods",
    },
)
