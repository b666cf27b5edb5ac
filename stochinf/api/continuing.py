"""`continuation`: a sequence of problems from easy to true, each begun where the last ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from stochinf.api.minimizing import minimize
from stochinf.engine.errors import StochinfError
from stochinf.engine.streams import entropy_of

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

__all__ = ["continuation"]


def continuation(
    problem_at: Callable[[float], Any],
    values: Iterable[float],
    rule: Any = "auto",
    x0: Any = None,
    *,
    rng: Any = None,
    **options: Any,
) -> OptimizeResult:
    """Minimise a sequence of problems, each from the optimum of the one before.

    The sequence may blur (`stochinf.optim.smoothed`, with widths that fall to 0), cool (a temperature that falls to its target),
    or relax a penalty, as along a regularisation path.

    Parameters
    ----------
    problem_at : callable
        Makes the problem of a value.
    values : iterable of float
        In order; the last is that of the problem to be solved.
    rule : part, or callable
        As in `stochinf.minimize`, or a function that makes the rule of a value.
    x0 : array of shape (dim,), optional
        Where the first begins.
    rng : int, SeedSequence, Generator or None
        Each problem has a seed of its own from it.
    **options
        Of `stochinf.minimize`: `stop`, `picker`, `schedule`, `callback`, ...

    Returns
    -------
    scipy.optimize.OptimizeResult
        That of the last problem, and besides `path`: triples of value, x and objective of each.

    Raises
    ------
    StochinfError
        If there are no values.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> waves = si.Function(lambda x: float((x**2 + 4.0 - 4.0 * np.cos(5.0 * x)).sum()), 2)
    >>> rule = si.optim.NelderMead(0.3, restarts=False)
    >>> bool(si.minimize(waves, rule, x0=[3.0, -2.5], rng=0).fun > 1)
    True
    >>> found = si.continuation(lambda s: si.optim.smoothed(waves, s), [1.5, 0.8, 0.4, 0.1, 0.0], rule, x0=[3.0, -2.5], rng=0)
    >>> bool(found.fun < 1e-8), len(found.path)
    (True, 5)
    """
    sequence = [float(value) for value in values]
    if not sequence or not callable(problem_at):
        raise StochinfError("continuation: a function that makes problems, and at least one value, are needed")
    entropy, x, path = entropy_of(rng), x0, []
    for number, value in enumerate(sequence):
        made = rule(value) if callable(rule) and not hasattr(rule, "_fields") else rule
        seed = np.random.SeedSequence(entropy, spawn_key=(number,))
        result = minimize(problem_at(value), made, x, rng=seed, **options)
        x = result.x
        path.append((value, np.array(x), float(result.fun)))
    result["path"], result["rng_entropy"] = path, entropy
    return result
