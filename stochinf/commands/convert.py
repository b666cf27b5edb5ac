"""`stochinf convert`: a model from one format to another."""

from __future__ import annotations

import argparse
from typing import Any

from stochinf.commands.codes import OK, note

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Describe the words of the command."""
    one = commands.add_parser("convert", help="a model from one format to another, told by the suffixes")
    one.add_argument("source", metavar="A", help="a model in any format that is read")
    one.add_argument("target", metavar="B", help="where to: .uai, .bif, .xmlbif, .fg; .gz too")
    one.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Convert, and say what the new format does not hold; return the exit code."""
    from stochinf.graphs.formats import convert

    lost = convert(options.source, options.target)
    note(f"{options.target}: written" + (f"; without {' and '.join(lost)}, which the format does not hold" if lost else ""))
    return OK
