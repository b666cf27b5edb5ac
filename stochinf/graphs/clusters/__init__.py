"""Cluster moves: Swendsen-Wang for spins and Potts models."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__, {"SwendsenWang": "swendsen_wang", "cluster_marginals": "marginal", "potts_parameters": "potts"}
)
