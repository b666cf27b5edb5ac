r"""Gradient flow: the path of descent with infinitely many, infinitely small steps.

.. math:: \frac{d\theta}{dt} = -\nabla \ell(\theta)

The loss never rises along it, and total gradient descent with N steps of size t / N converges to it like 1 / N: it is the
reference for finite steps.

References
----------
Hairer, E., Nørsett, S. P. and Wanner, G. (1993). Solving Ordinary Differential Equations I, section II.5: the integrator DOP853.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.target import as_target
from stochinf.optim.sgd import SGD
from stochinf.optim.trajectories import trajectory

__all__ = ["gradient_flow", "gradient_steps", "plot_flow"]

Floats = npt.NDArray[np.float64]


def gradient_flow(problem: Any, x0: npt.ArrayLike, times: npt.ArrayLike, rtol: float = 1e-10, atol: float = 1e-12) -> Floats:
    """Integrate the gradient flow.

    Parameters
    ----------
    problem : model, or callable
        With `full_gradient`; or a function that returns the gradient at a position.
    x0 : array-like of shape (dim,)
        The position at time 0.
    times : array-like of shape (n,)
        When to look, in increasing order from 0 on.
    rtol, atol : float
        Tolerances of the integrator.

    Returns
    -------
    ndarray of shape (n, dim)
        The position at each time.

    Raises
    ------
    StochinfError
        If the problem has no gradient, the times are none, or the integrator fails.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.gradient_flow(lambda x: x, [1.0], [0.0, 1.0]).round(6)
    array([[1.      ],
           [0.367879]])
    """
    from scipy.integrate import solve_ivp

    gradient = _gradient(problem)
    start, when = np.asarray(x0, dtype=np.float64), np.asarray(times, dtype=np.float64)
    if when.ndim != 1 or not when.size or (np.diff(when) < 0).any() or when[0] < 0:
        raise StochinfError(f"gradient_flow: times {when}; numbers from 0 on in increasing order are needed")
    if when[-1] == 0:
        return np.tile(start, (when.size, 1))
    solved = solve_ivp(
        lambda t, x: -np.asarray(gradient(x)), (0.0, when[-1]), start, method="DOP853", t_eval=when, rtol=rtol, atol=atol
    )
    if not solved.success:
        raise StochinfError(f"gradient_flow: {solved.message}")
    return np.asarray(solved.y.T)


def gradient_steps(problem: Any, x0: npt.ArrayLike, time: float, steps: int) -> Floats:
    """Return the path of total gradient descent over a time, in equal steps.

    Parameters
    ----------
    problem : model, or callable
        As in `gradient_flow`.
    x0 : array-like of shape (dim,)
        Where to start.
    time : float
        The sum of the steps' rates.
    steps : int
        N, each of size time / N.

    Returns
    -------
    ndarray of shape (steps + 1, dim)
        The start, and the position after each step.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.gradient_steps(lambda x: x, [1.0], 1.0, 2)
    array([[1.  ],
           [0.5 ],
           [0.25]])
    """
    count = counted("steps", steps)
    path = trajectory(SGD(time / count), np.asarray(x0, dtype=np.float64), _gradient(problem), count)
    return np.vstack([np.atleast_1d(np.asarray(x0, dtype=np.float64)), path])


def plot_flow(problem: Any, x0: npt.ArrayLike, time: float, steps: Sequence[int] = (4, 16, 64), ax: Any = None) -> Any:
    """Plot the flow of two coordinates, and descent in N steps of size time / N beside it.

    Parameters
    ----------
    problem : model, or callable
        As in `gradient_flow`.
    x0 : array-like of shape (2,)
        Where to start.
    time : float
        How long.
    steps : sequence of int
        The numbers N.
    ax : matplotlib Axes, optional
        Where to draw.

    Returns
    -------
    matplotlib Axes
        With one line for the flow and one for each N.

    Examples
    --------
    >>> import stochinf as si
    >>> ax = si.optim.plot_flow(lambda x: x * [1.0, 5.0], [1.0, 1.0], 1.0)  # doctest: +SKIP
    """
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1]
    ax.plot(*gradient_flow(problem, x0, np.linspace(0.0, time, 200)).T[:2], "k-", label="gradient flow")
    for count in steps:
        ax.plot(*gradient_steps(problem, x0, time, count).T[:2], ".-", label=f"{count} steps")
    ax.set_xlabel("coordinate 0")
    ax.set_ylabel("coordinate 1")
    ax.legend()
    return ax


def _gradient(problem: Any) -> Callable[[Floats], Any]:
    if callable(problem):
        return problem  # type: ignore[no-any-return]
    target = as_target(problem)
    if not hasattr(target, "full_gradient"):
        raise StochinfError(f"gradient flow: {type(target).__name__} has no full_gradient(position)")
    return target.full_gradient  # type: ignore[no-any-return]
