"""Exit codes, and what is said on standard error with them."""

from __future__ import annotations

import sys
from collections.abc import Iterable

__all__ = ["BAD_INPUT", "FAILED", "INTERRUPTED", "NOT_CONVERGED", "OK", "note", "warn"]

OK, FAILED, BAD_INPUT, NOT_CONVERGED, INTERRUPTED = 0, 1, 2, 3, 130


def note(message: str) -> None:
    """Say something beside the result, on standard error.

    Examples
    --------
    >>> from stochinf.commands.codes import note
    >>> note("grid.uai.PR: written")
    """
    print(f"stochinf: {message}", file=sys.stderr, flush=True)


def warn(warnings: Iterable[str]) -> None:
    """Say what to know before trusting a result."""
    for warning in warnings:
        note(f"warning: {warning}")
