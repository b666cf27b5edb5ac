"""Parallel tempering: lanes at many temperatures that exchange them, marginals and partition functions from one run."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__, {"Tempering": "kernel", "tempered_log_partition": "tempered", "tempered_marginals": "tempered"}
)
