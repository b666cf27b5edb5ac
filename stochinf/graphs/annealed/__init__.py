"""Annealed importance sampling: partition functions from many particles cooled slowly."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__, {"AnnealedEstimate": "importance", "AnnealedImportance": "kernel", "annealed_importance": "importance"}
)
