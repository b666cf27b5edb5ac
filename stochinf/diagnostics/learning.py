"""Learning curves in words: what the values of an objective say of the learning rate, and a plot of them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError

__all__ = ["LearningCurve", "learning_curve", "plot_trace"]

Floats = npt.NDArray[np.float64]

FEWEST = 6
"""Values that a verdict needs."""
WIDE, STILL = 1e-2, 1e-4
"""Of the whole fall: up and down by more than this on average is oscillation; moves below the second are none."""

ADVICE = {
    "diverging": "the objective rises: the learning rate is too large",
    "oscillating": "the objective goes up and down without falling: the learning rate is too large for where it is; let it decay",
    "stagnating": "the objective falls at the end as steadily as before: the learning rate is too small, or the run too short",
    "settling": "the objective levels off",
    "too short": "too few values to tell",
}


class LearningCurve(NamedTuple):
    """The course of an objective.

    Parameters
    ----------
    steps, values : ndarray of shape (n,)
        When it was looked at, and what it was.
    verdict : str
        "diverging", "oscillating", "stagnating", "settling" or "too short".
    text : str
        What that means.

    Examples
    --------
    >>> import stochinf as si
    >>> si.diagnostics.learning_curve([(k, 0.5**k) for k in range(20)]).verdict
    'settling'
    """

    steps: Floats
    values: Floats
    verdict: str
    text: str

    def __repr__(self) -> str:
        return f"LearningCurve({self.values.size} values, {self.verdict}: {self.text})"


def learning_curve(history: Any) -> LearningCurve:
    """Judge a learning curve.

    The second half of the curve is looked at: its net fall against the length of its way up and down, and its slope against
    that of the first half.

    Parameters
    ----------
    history : OptimizeResult or list of pairs
        What `stochinf.minimize` returned, or its `history`: pairs of step and objective.

    Returns
    -------
    LearningCurve
        With `verdict` and `text`.

    Raises
    ------
    StochinfError
        If there are no pairs.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LinearRegression([[1.0], [2.0], [-1.0]], [1.0, 2.5, -1.0])
    >>> result = si.minimize(model, si.optim.SGD(1e-4), stop=si.stop.epochs(50), rng=0)
    >>> si.diagnostics.learning_curve(result).verdict
    'stagnating'
    """
    try:
        pairs = np.asarray(getattr(history, "history", history), dtype=np.float64)
    except (TypeError, ValueError):
        pairs = np.empty(0)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not pairs.size:
        raise StochinfError("learning_curve: pairs of step and objective are needed, such as the history of stochinf.minimize")
    steps, values = pairs.T.copy()
    verdict = _verdict(steps, values)
    return LearningCurve(steps, values, verdict, ADVICE[verdict])


def _verdict(steps: Floats, values: Floats) -> str:
    if not np.isfinite(values[1:]).all() or values[-1] > values[0] + 1e-9 * abs(values[0]):
        return "diverging"
    if values.size < FEWEST:
        return "too short"
    fall = float(values[0] - values.min())
    middle = values.size // 2
    moves = np.diff(values[middle:])
    way, net = float(np.abs(moves).sum()), float(values[middle] - values[-1])
    rising = float((moves > 0).mean())
    if rising >= 0.2 and net < 0.3 * way:
        return "oscillating" if way > WIDE * fall * moves.size else "settling"
    if way <= STILL * fall * moves.size:
        return "settling"
    early = (values[0] - values[middle]) / max(steps[middle] - steps[0], 1.0)
    late = net / max(steps[-1] - steps[middle], 1.0)
    return "stagnating" if late > 0.5 * early else "settling"


def plot_trace(results: Any, ax: Any = None, baseline: float = math.nan) -> Any:
    """Plot learning curves, each with its verdict in the legend.

    Parameters
    ----------
    results : OptimizeResult, list of pairs, dict of these by name, or list of OptimizeResult
        What `stochinf.minimize` returned.
    ax : matplotlib Axes, optional
        Where to draw.
    baseline : float
        The optimum, if it is known: the gap to it is drawn, on a logarithmic axis.

    Returns
    -------
    matplotlib Axes
        With one line for each result.

    Examples
    --------
    >>> import stochinf as si
    >>> ax = si.diagnostics.plot_trace({"halving": [(k, 0.5**k) for k in range(20)]}, baseline=0.0)  # doctest: +SKIP
    """
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1]
    if isinstance(results, (list, tuple)) and any(hasattr(result, "history") for result in results):
        results = {f"run {k}": result for k, result in enumerate(results)}
    named = results if isinstance(results, dict) and not hasattr(results, "history") else {"objective": results}
    for name, result in named.items():
        curve = learning_curve(result)
        known = not math.isnan(baseline)
        ax.plot(curve.steps, curve.values - (baseline if known else 0.0), label=f"{name}: {curve.verdict}")
        if known:
            ax.set_yscale("log")
    ax.set_xlabel("step")
    ax.set_ylabel("objective" if math.isnan(baseline) else "objective - optimum")
    ax.legend()
    return ax
