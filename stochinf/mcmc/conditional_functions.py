"""Conditionals in plain Python for `Gibbs`: one function for each variable, uncompiled, behind a C pointer."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.density.calling import C_TYPE, evaluate
from stochinf.density.pointer import Foreign
from stochinf.engine.errors import DensityError, StochinfError
from stochinf.engine.parts import part
from stochinf.engine.random import next_word

__all__ = ["Conditionals", "ConditionalsTarget"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

BLOCKS = 1 << 16
"""What a random word is counted in: the number of the block takes the place of its last sixteen bits."""

EMPTY = np.empty(0)
NO_CODE = np.empty(0, np.int64)
RAISED = 2


class Conditionals:
    """A distribution by the conditional of each of its variables, for `stochinf.mcmc.Gibbs`.

    Parameters
    ----------
    functions : mapping of name to callable
        `f(values, rng)` returns a draw of its variable given the values of all, a dict of arrays; `rng` is a
        `numpy.random.Generator`, a fresh one at each call, whose stream belongs to the chain: the same seed gives the same draws.
    start : mapping of name to array-like
        A value for each variable, which fixes its shape.

    Attributes
    ----------
    shapes : dict
        Shape of each variable.

    Raises
    ------
    StochinfError
        If the names do not agree, a function cannot be called, or a start is not finite.
    DensityError
        When a run meets an error in a function, or a draw of another shape or one that is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> y = np.array([2.1, 3.9, 3.0, 2.6, 3.4])
    >>> pair = si.mcmc.Conditionals(
    ...     {
    ...         "mean": lambda v, rng: rng.normal(y.mean(), 1 / np.sqrt(5 * v["precision"])),
    ...         "precision": lambda v, rng: rng.gamma(2.5 + 1, 1 / (1 + 0.5 * ((y - v["mean"]) ** 2).sum())),
    ...     },
    ...     start={"mean": 0.0, "precision": 1.0},
    ... )
    >>> d = si.sample(pair, draws=500, warmup=100, chains=2, kernel=si.mcmc.Gibbs(), rng=0)
    >>> bool(abs(d["mean"].mean() - 3.0) < 0.1), d["precision"].shape
    (True, (2, 500))
    """

    def __init__(
        self, functions: Mapping[str, Callable[[dict[str, Any], np.random.Generator], Any]], start: Mapping[str, Any]
    ) -> None:
        if set(functions) != set(start) or not functions:
            raise StochinfError(
                f"Conditionals: functions for {sorted(functions)} and starts for {sorted(start)}; each variable needs both"
            )
        if len(functions) >= BLOCKS:
            raise StochinfError(f"Conditionals: {len(functions)} variables; fewer than {BLOCKS} are served")
        for name, function in functions.items():
            if not callable(function):
                raise StochinfError(
                    f"Conditionals: {name!r} has {function!r}; a function of the values and a generator is needed"
                )
        self.functions = dict(functions)
        values = {name: np.asarray(start[name], dtype=np.float64) for name in self.functions}
        for name, value in values.items():
            if not np.isfinite(value).all():
                raise StochinfError(f"Conditionals: the start of {name!r} is {value}; finite numbers are needed")
        self.shapes = {name: value.shape for name, value in values.items()}
        ends = np.cumsum([0, *(value.size for value in values.values())])
        self.places = {name: slice(int(a), int(b)) for name, a, b in zip(values, ends, ends[1:], strict=False)}
        self.first = np.concatenate([value.ravel() for value in values.values()])

    def __repr__(self) -> str:
        return f"Conditionals({', '.join(self.functions)})"

    def as_target(self) -> ConditionalsTarget:
        """Return the part that compiled code works on."""
        return ConditionalsTarget(Drawing(self), len(self.functions), self.first.size)

    def named(self, positions: Floats) -> dict[str, Floats]:
        """Return the variables of positions (..., dim) by name."""
        return {
            name: positions[..., place].reshape((*positions.shape[:-1], *self.shapes[name]))
            for name, place in self.places.items()
        }

    def redraw(self, position: Floats, block: int, word: int) -> None:
        """Write a draw of a block into a position."""
        name = list(self.functions)[block]
        generator = np.random.Generator(np.random.SFC64(word))
        drawn = np.asarray(self.functions[name](self.named(position.copy()), generator), dtype=np.float64)
        if drawn.shape != self.shapes[name]:
            raise StochinfError(f"Conditionals: {name!r} drew an array of shape {drawn.shape}; its start has {self.shapes[name]}")
        if not np.isfinite(drawn).all():
            raise StochinfError(f"Conditionals: {name!r} drew {drawn}; finite numbers are needed")
        position[self.places[name]] = drawn.ravel()


class Drawing(Foreign):
    """Conditionals behind a C pointer; the place of an address of data is taken by a random word and the number of a block."""

    def __init__(self, model: Conditionals) -> None:
        self.conditionals, self.raised = model, list[BaseException]()
        callback = C_TYPE(self.call)
        super().__init__(ctypes.cast(callback, ctypes.c_void_p).value or 0, callback)

    def call(self, n: int, x: Any, gradient: Any, out: Any, ticket: int | None) -> int:
        """Draw a block; return the code of what came of it."""
        word, block = divmod(ticket or 0, BLOCKS)
        try:
            self.conditionals.redraw(np.ctypeslib.as_array(x, (n,)), block, word)
        except BaseException as error:
            self.raised.append(error)
            return RAISED
        return 0


@part
class ConditionalsTarget(NamedTuple):
    """Conditionals in plain Python as compiled code reads them; made by `Conditionals.as_target`.

    Attributes
    ----------
    function : Drawing
    n_blocks, dim : int
    code, culprit : ndarray
        The code of the first error, and its position.
    """

    function: Any
    n_blocks: int
    dim: int
    code: Integers = NO_CODE
    culprit: Floats = EMPTY

    def checked(self) -> ConditionalsTarget:
        """Make room for an error."""
        return self if self.code.size else self._replace(code=np.zeros(1, np.int64), culprit=np.zeros(self.dim))

    def private(self) -> ConditionalsTarget:
        """Return the same conditionals for a chain of its own, which notes its own errors."""
        return ConditionalsTarget(Drawing(self.function.conditionals), self.n_blocks, self.dim)

    def start(self, generator: np.random.Generator) -> Floats:
        """Return the start."""
        return np.array(self.function.conditionals.first)

    def variables(self, positions: Floats) -> dict[str, Floats]:
        """Return the variables by name."""
        return self.function.conditionals.named(positions)  # type: ignore[no-any-return]

    def redraw(self, position: Floats, block: int, rng: npt.NDArray[np.uint64]) -> None:
        """Write a draw of a block into the position; after an error, leave it."""
        if self.code[0] != 0:
            return
        word = np.int64(next_word(rng) >> np.uint64(18))
        code, _ = evaluate(self.function, position, int(word * 65536 + block))
        if code != 0:
            self.code[0] = code
            for i in range(position.size):
                self.culprit[i] = position[i]

    def failure(self) -> BaseException | None:
        """Return the error that a function met, if one did."""
        if self.code[0] == 0:
            return None
        error = self.function.raised[0] if self.function.raised else None
        if error is not None and not isinstance(error, Exception):
            return error  # type: ignore[no-any-return]  # the user's Ctrl-C
        return DensityError(int(self.code[0]), np.array(self.culprit), error)
