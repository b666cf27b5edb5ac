"""Blocked Gibbs sampling: many variables drawn at once, by forward filtering and backward sampling."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__, {"Blocked": "blocked", "blocked_marginals": "marginal", "choose_blocks": "cutsets"}
)
