"""`stochinf check`: what a model file holds, and whether it breaks a rule of its format."""

from __future__ import annotations

import argparse
from typing import Any

from stochinf.commands.codes import OK, warn

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Describe the words of the command."""
    one = commands.add_parser("check", help="what a model file holds; exit code 2 where it breaks a rule of its format")
    one.add_argument("model", metavar="FILE", help="a model in any format that is read")
    one.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Print what the file holds; return the exit code."""
    from stochinf.graphs.formats import check

    found = check(options.model)
    facts = {
        "kind": found.kind,
        "variables": f"{found.variables:,}",
        "states": _span(found.states),
        "factors": f"{found.factors:,} over {_span(found.arity)} variables",
        "entries": f"{found.entries:,}, {100 * found.zeros:.3g} % zeros",
        "components": f"{found.components:,}",
        "elimination": "too wide, or too large to plan"
        if found.width is None
        else f"width {found.width}, {found.cells:.3g} cells in all tables",
    }
    for name, value in facts.items():
        print(f"{name:<12} {value}")
    warn(found.warnings)
    return OK


def _span(ends: tuple[int, int]) -> str:
    return f"{ends[0]}" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
