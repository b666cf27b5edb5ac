"""Errors of tracing, each with the user's line."""

from __future__ import annotations

import linecache
import sys
from pathlib import Path
from typing import Any

import numpy as np

from stochinf.engine.errors import StochinfError

__all__ = ["MissingMethodError", "TraceError"]

OURS = str(Path(__file__).parents[1])
LIBRARIES = (OURS, str(Path(np.__file__).parent), "<__array_function__")


class TraceError(StochinfError):
    """A function does something that a static graph cannot hold; the message names the line and the way out.

    Parameters
    ----------
    what : str
        What cannot be traced.
    remedy : str
        What to write in its place.
    function : callable, optional
        The function to name, where no line of it is at fault.

    Attributes
    ----------
    line : str
        The user's file, line number and source line.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.density import TraceError
    >>> from stochinf.density.tracing import trace
    >>> try:
    ...     trace(lambda x: 0.0 if x[0] > 0 else -np.inf, dim=1)
    ... except TraceError as error:
    ...     print("np.where" in str(error))
    True
    """

    def __init__(self, what: str, remedy: str, function: Any = None) -> None:
        code = getattr(function, "__code__", None)
        self.line = user_line() if code is None else place(code.co_filename, code.co_firstlineno, None)
        super().__init__(f"{self.line}: {what}; {remedy}")


class MissingMethodError(TraceError, AttributeError):
    """A method or an attribute of arrays that traced values do not have."""


def user_line() -> str:
    """Return file, number and text of the innermost line that is neither this library's nor numpy's nor scipy's."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        file = frame.f_code.co_filename
        if not file.startswith(LIBRARIES) and f"{Path('/site-packages/scipy/')}" not in file:
            break
        frame = frame.f_back
    return place(frame.f_code.co_filename, frame.f_lineno, frame.f_globals)


def place(file: str, number: int, names: dict[str, Any] | None) -> str:
    """Return file, number and text of a line."""
    source = linecache.getline(file, number, names).strip()
    return f"{Path(file).name}, line {number}" + (f", `{source}`" if source else "")
