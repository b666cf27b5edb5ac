"""What every method of learning is asked, and what it answers: `answer(question) -> Answer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy.typing as npt

from stochinf.graphs.flat import Floats
from stochinf.learning.model import Model
from stochinf.learning.observations import Observations

__all__ = ["Answer", "Question"]


class Question(NamedTuple):
    """A learning problem and the means to solve it, checked; None and NaN leave a choice to the method.

    Attributes
    ----------
    model : Model
    observed : Observations
    optimizer : part or None
        A rule of `stochinf.optim`.
    learning_rate, schedule : number or schedule, or None
    l1, l2 : float
        Penalties beside the mean log likelihood of a row (of the graph, where one is observed).
    stop : Rule or None
    epochs : int or None
        Passes over rows, or over the variables of one graph.
    particles : int or None
        Chains of a method that has some.
    k : int
        Sweeps between two steps.
    batch : int or None
        Rows, or variables, of a stochastic step.
    memory : int or None
        Bytes that tables of exact inference may take.
    se : bool
        Whether standard errors are asked for.
    entropy : int
        Seed of every stream.
    progress : bool or None
    callback : callable or None
        As in `stochinf.run`.
    """

    model: Model
    observed: Observations
    optimizer: Any = None
    learning_rate: Any = None
    schedule: Any = None
    l1: float = 0.0
    l2: float = 0.0
    stop: Any = None
    epochs: int | None = None
    particles: int | None = None
    k: int = 1
    batch: int | None = None
    memory: int | None = None
    se: bool = True
    entropy: int = 0
    progress: bool | None = None
    callback: Callable[[Any], Any] | None = None


class Answer(NamedTuple):
    """What a method found; arrays are over all W weights, fixed ones included.

    Attributes
    ----------
    values : float64 (W,)
    se : float64 (W,)
        Standard errors by the data; NaN where none is known, 0 for fixed weights.
    rhat : float64 (W,) or None
        Of methods that estimate by chains.
    spread : float64 (W,) or None
        Standard deviation that another seed would bring, of methods that draw.
    history : list of (int, float)
        Steps, and what the method follows: objective, or norm of the gradient.
    reason : str
        How it ended, in words.
    converged : bool
    expected : float64 (W,) or None
        Mean statistics that the model expects of a row, where the method knows them.
    observed : float64 (W,) or None
        Mean statistics of the data, hidden variables averaged out.
    log_likelihood : float
        Mean over rows, or of the graph; NaN where unknown.
    interrupted : bool
    expected_error : float64 (W,) or None
        Standard errors of `expected`, where it was sampled.
    """

    values: Floats
    se: Floats
    rhat: Floats | None = None
    spread: Floats | None = None
    history: list[tuple[int, float]] = []  # noqa: RUF012  (never changed)
    reason: str = ""
    converged: bool = True
    expected: npt.NDArray[Any] | None = None
    observed: npt.NDArray[Any] | None = None
    log_likelihood: float = float("nan")
    interrupted: bool = False
    expected_error: npt.NDArray[Any] | None = None
