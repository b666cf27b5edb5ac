"""The errors of the library: each message names the object, the value, the rule and the remedy."""

import sys
import warnings
from typing import Any

__all__ = [
    "CheckpointError",
    "CompilationError",
    "ConvergenceWarning",
    "DensityError",
    "GraphError",
    "MemoryLimitError",
    "MissingFileError",
    "ObjectiveError",
    "StochinfError",
    "warn_of_doubt",
]


class StochinfError(ValueError):
    """Bad input: the message names the culprit and the way out."""


class GraphError(StochinfError):
    """A graphical model, its evidence or its file breaks a rule."""


class MissingFileError(GraphError, FileNotFoundError):
    """A model or evidence file that is not there."""


class CheckpointError(StochinfError):
    """A saved run cannot be read, or belongs to another target or kernel."""


class MemoryLimitError(StochinfError):
    """A request would need more memory than there is; nothing was allocated."""


class CompilationError(StochinfError):
    """A user's part cannot be compiled: class, method, line, cause and remedy."""


class DensityError(StochinfError):
    """A density met an error of its own, and the run stopped.

    Draws end with the last chunk that every chain finished, as after Ctrl-C: at most about 50 ms of work, or one call where
    a call takes longer, is lost.

    Parameters
    ----------
    code : int
        What the function returned.
    position : ndarray of shape (dim,)
        Where.
    raised : Exception, optional
        What a Python function raised; it becomes the cause.

    Attributes
    ----------
    run : Run or None
        What had been drawn; None if the error came at a starting point.
    """

    def __init__(self, code: int, position: Any, raised: BaseException | None = None) -> None:
        what = (
            f"raised {type(raised).__name__}: {raised}"
            if raised is not None
            else f"returned the code {code}, an error of its own,"
        )
        super().__init__(f"the density {what} at the position {position}; what was drawn before is in this error's attribute run")
        self.code, self.position = code, position
        self.run: Any = None
        self.__cause__ = raised


class ObjectiveError(StochinfError):
    """A function that was to be minimised met an error of its own, and the run stopped.

    Parameters
    ----------
    code : int
        What the function returned.
    position : ndarray of shape (dim,)
        Where.
    raised : Exception, optional
        What a Python function raised; it becomes the cause.
    term : int, optional
        Which term of a sum it was.

    Attributes
    ----------
    result : OptimizeResult or None
        The best that had been found; None if the error came at the starting point.
    """

    def __init__(self, code: int, position: Any, raised: BaseException | None = None, term: int | None = None) -> None:
        what = (
            f"raised {type(raised).__name__}: {raised}"
            if raised is not None
            else f"returned the code {code}, an error of its own,"
        )
        which = "the function" if term is None else f"term {term}"
        super().__init__(
            f"{which} {what} at the position {position}; the best point found before is in this error's attribute result"
        )
        self.code, self.position, self.term = code, position, term
        self.result: Any = None
        self.__cause__ = raised


class ConvergenceWarning(UserWarning):
    """A result that should not be trusted yet, with the figures that say so."""


def warn_of_doubt(message: str) -> None:
    """Give a `ConvergenceWarning` that points at the line of the user, however many calls of the package lie between."""
    frame, level = sys._getframe(), 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "stochinf":
        frame, level = frame.f_back, level + 1  # type: ignore[assignment]
    warnings.warn(message, ConvergenceWarning, stacklevel=level)
