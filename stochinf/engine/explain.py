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

__all__ = ["explained"]


TELLING = (
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


@contextlib.contextmanager
def explained(block: Any) -> Iterator[None]:
    """Turn a compiler's error into one that names the class, the method, the line, the cause and the remedy."""
    try:
        yield
    except StochinfError:
        raise
    except Exception as error:
        forget_announcements()
        if not JIT or not _from_numba(error):
            raise
        raise CompilationError(_message(str(error), block)) from None


def _from_numba(error: Exception) -> bool:
    from numba.core.errors import NumbaError

    return isinstance(error, NumbaError)


def _message(text: str, block: Any) -> str:
    parts = {type(p) for p in (block.kernel, block.target, block.state, block.observer, block.picker, block.schedule)}
    where = _place(text, parts)
    lines = text.strip().splitlines()
    cause = next((line.strip() for words in TELLING for line in lines if words in line), lines[0])
    return (
        f"{where} cannot be compiled: {cause}. Use numbers, arrays and other parts only, in the subset of numpy that"
        " numba compiles (numba.readthedocs.io), set `allocates = True` on the class if it needs new arrays or slices,"
        " or run it as plain Python with the environment variable NUMBA_DISABLE_JIT=1"
    )


def _place(text: str, parts: set[type]) -> str:
    """Name the innermost method of a part that the compiler's report mentions."""
    found = [(match.group(1), int(match.group(2))) for match in re.finditer(r'File "([^"]+)", line (\d+)', text)]
    for file, line in found:
        for cls in parts:
            for name, method in vars(cls).items():
                with contextlib.suppress(OSError, TypeError):
                    lines, first = inspect.getsourcelines(method)
                    if inspect.getsourcefile(method).endswith(file.lstrip("./")) and first <= line < first + len(lines):  # type: ignore[union-attr]
                        return f"{cls.__name__}.{name} (line {line}: {lines[line - first].strip()})"
    return "one of " + ", ".join(sorted(cls.__name__ for cls in parts))
