"""The command line: `stochinf infer`, `learn`, `solver`, `convert`, ...; each command is a file in `stochinf.commands`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from stochinf.commands import check, convert, infer, info, learn, precompile, solver
from stochinf.commands.codes import BAD_INPUT, FAILED, INTERRUPTED, OK, note

__all__ = ["main", "parser"]

COMMANDS = (infer, learn, solver, convert, check, precompile, info)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 done, 1 out of memory, 2 bad input, 3 not converged, 130 interrupted with what there was.

    Examples
    --------
    >>> from stochinf.cli import main
    >>> main(["infer", "no-such-file.uai"])
    2
    """
    options = parser().parse_args(arguments)
    options.own_process = arguments is None
    from stochinf.engine.errors import StochinfError

    try:
        return int(options.command(options))
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (whoever read has gone; Python flushes at exit)
        return OK
    except (StochinfError, OSError) as error:
        note(str(error))
        return BAD_INPUT
    except MemoryError as error:
        note(f"out of memory: {error}; a smaller --memory keeps clear of it")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    from stochinf import __version__

    top = argparse.ArgumentParser(prog="stochinf", description="Probabilistic inference and sampling.")
    top.add_argument("--version", action="version", version=f"stochinf {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return top
