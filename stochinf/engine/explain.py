"""Errors from the compiler, in our words."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from stochinf.engine.cache import forget_announcements
from stochinf.engine.errors import CompilationError, StochinfError
from stochinf.engine.jit import JIT

__all__ = ["cause", "explained"]


TELLING = (
    "NameError: ",
    "Cannot bind",
    "Unknown attribute",
    "Undeclared",
    "Untyped global",
    "Cannot unify",
    "unsupported",
    "No implementation of function",
    "has no",
    "cannot",
)
"""What a line of the compiler's report may say of the cause, the most telling first."""

MENTIONED = r'(?:File "|[Rr]aised from |at )([^"\s]+?)(?:", line | \()(\d+)'
"""How the report names places in files."""

OURS = "_register.<locals>"
"""How the report names the way to a part's method: no cause."""


@contextlib.contextmanager
def explained(*parts: Any) -> Iterator[None]:
    """Turn a compiler's error into one that names the class among the parts, the method, the line, the cause and the remedy."""
    try:
        yield
    except StochinfError:
        raise
    except Exception as error:
        forget_announcements()
        if not JIT or not _from_numba(error):
            raise
        raise CompilationError(_message(str(error), {type(p) for p in parts})) from None


def _from_numba(error: Exception) -> bool:
    """Return whether the compiler raised it, in any of its classes, and not the code that it compiled."""
    raised = error.__traceback__
    while raised is not None and raised.tb_next is not None:
        raised = raised.tb_next
    return type(error).__module__.startswith("numba") or (
        raised is not None and raised.tb_frame.f_globals.get("__name__", "").startswith("numba.")
    )


def _message(text: str, parts: set[type]) -> str:
    where = _place(text, parts)
    return (
        f"{where} cannot be compiled: {cause(text)}. Use numbers, arrays and other parts only, in the subset of numpy that"
        " numba compiles (numba.readthedocs.io), set `allocates = True` on the class if it needs new arrays or slices,"
        " or run it as plain Python with the environment variable NUMBA_DISABLE_JIT=1"
    )


def cause(text: str) -> str:
    """Return the most telling line of the compiler's report, and the call that it introduces."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and OURS not in line]
    at = next((k for words in TELLING for k, line in enumerate(lines) if words in line), 0)
    call = lines[at + 1] if lines[at].endswith("signature:") and at + 1 < len(lines) else ""
    return f"{lines[at]} {call.removeprefix('>>> ')}".strip()


def _place(text: str, parts: set[type]) -> str:
    """Name the innermost method of a part that the compiler's report mentions."""
    methods = [(f"{cls.__name__}.{name}", *_source(method)) for cls in parts for name, method in vars(cls).items()]
    undefined = re.search(r"NameError: (?:global )?name '(\w+)'", text)
    if undefined:
        word = re.compile(rf"\b{undefined.group(1)}\b")
        places = [
            (title, first + k, line) for title, _, first, lines in methods for k, line in enumerate(lines) if word.search(line)
        ]
    else:
        found = [
            (file, int(line)) for file, line in re.findall(r'(?:File "|[Rr]aised from |at )([^"\s]+?)(?:", line | \()(\d+)', text)
        ]
        places = [
            (title, line, lines[line - first])
            for file, line in found
            for title, where, first, lines in methods
            if where.endswith(file.lstrip("./")) and first <= line < first + len(lines)
        ]
    for title, line, source in places:
        return f"{title} (line {line}: {source.strip()})"
    return "one of " + ", ".join(sorted(cls.__name__ for cls in parts))


def _source(method: Any) -> tuple[str, int, list[str]]:
    """Return file, first line and lines of a method; nothing where they cannot be read."""
    try:
        lines, first = inspect.getsourcelines(method)
        return str(inspect.getsourcefile(method)), first, lines
    except (OSError, TypeError):
        return "", 0, []
