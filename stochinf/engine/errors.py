"""The errors of the library: each message names the object, the value, the rule and the remedy."""

__all__ = [
    "CheckpointError",
    "CompilationError",
    "ConvergenceWarning",
    "GraphError",
    "MemoryLimitError",
    "MissingFileError",
    "StochinfError",
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


class ConvergenceWarning(UserWarning):
    """A result that should not be trusted yet, with the figures that say so."""
