"""`stochinf info`: versions, processors and the folder of compiled loops."""

from __future__ import annotations

import argparse
from typing import Any

from stochinf.commands.codes import OK

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Describe the words of the command."""
    facts = commands.add_parser("info", help="versions, processors, and the folder of compiled loops")
    facts.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Print the facts; return the exit code."""
    import platform

    from stochinf.engine.cache import cache_folder
    from stochinf.engine.jit import versions
    from stochinf.engine.threads import processors

    folder = cache_folder()
    loops = [] if folder is None else list(folder.glob("*.loop"))
    facts = {
        "python": platform.python_version(),
        **versions(),
        "processors": processors(),
        "compiled loops": "no writable folder: compiled anew in every process"
        if folder is None
        else f"{len(loops)} in {folder} ({sum(file.stat().st_size for file in loops) / 1e6:.1f} MB)",
    }
    for name, value in facts.items():
        print(f"{name:<15} {value}")
    return OK
