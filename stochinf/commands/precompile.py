"""`stochinf precompile`: warm the cache of compiled loops."""

from __future__ import annotations

import argparse
from typing import Any

from stochinf.commands.codes import OK

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Describe the words of the command."""
    warm = commands.add_parser("precompile", help="compile the common loops now, so that first calls are quick")
    warm.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Compile, saying what; return the exit code."""
    from stochinf.api.precompiling import precompile

    precompile()
    return OK
