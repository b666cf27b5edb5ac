"""`averaged`: rounds of descent on parts of the data at once, and the mean of what they found."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

from stochinf.api.minimizing import minimize
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.stop import epochs
from stochinf.engine.streams import entropy_of
from stochinf.engine.target import as_target
from stochinf.models.design import as_design, features, matrix

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

__all__ = ["averaged"]


def averaged(
    problem: Any,
    rule: Any,
    shards: int = 2,
    rounds: int = 10,
    *,
    passes: float = 1,
    x0: Any = None,
    executor: Executor | None = None,
    rng: Any = None,
) -> OptimizeResult:
    """Minimise a linear model on shards of its rows in parallel, averaging the coefficients after every round.

    A round runs the rule on each shard from the common coefficients, for some passes over the shard's rows, and takes the mean
    of the results, weighted by rows. What it finds does not depend on the executor. Few passes a round keep the shards together;
    many save communication.

    Parameters
    ----------
    problem : model
        A linear one, such as `stochinf.models.LogisticRegression(X, y, l2=1e-3)`.
    rule : part
        As in `stochinf.minimize`.
    shards : int
        Parts of the rows, dealt at random.
    rounds : int
        How many.
    passes : float
        Over a shard's rows, in a round.
    x0 : array of shape (dim,), optional
        Where to start.
    executor : concurrent.futures.Executor, optional
        Where shards are worked on: threads, processes, Dask; one after the other by default.
    rng : int, SeedSequence, Generator or None
        The same seed gives the same bits.

    Returns
    -------
    scipy.optimize.OptimizeResult
        `x`, `fun`, `nit` (rounds), `history` (pairs of round and objective), `rng_entropy`.

    Raises
    ------
    StochinfError
        If the problem is no linear model, or there are more shards than rows.

    References
    ----------
    Zinkevich, M., Weimer, M., Smola, A. and Li, L. (2010). Parallelized stochastic gradient descent. NIPS, algorithm 3; with more
    than one round McMahan, B. et al. (2017). Communication-efficient learning of deep networks. AISTATS, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> model = si.models.LogisticRegression(X, X[:, 0] > 0, l2=0.1)
    >>> result = si.averaged(model, si.optim.SGD(0.1), shards=4, rounds=20, rng=0)
    >>> bool(result.fun < 1.05 * si.minimize(model).fun)
    True
    """
    from scipy.optimize import OptimizeResult

    target, entropy = as_target(problem), entropy_of(rng)
    if not getattr(target, "linear", False):
        raise StochinfError(f"averaged: {type(target).__name__} is no linear model, whose rows can be dealt out")
    count = counted("shards", shards)
    if count > target.n_points:
        raise StochinfError(f"averaged: {count} shards, and only {target.n_points} rows")
    generator = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))
    parts = np.array_split(generator.permutation(target.n_points), count)
    dealt = [shard(target, np.sort(rows)) for rows in parts]
    x = np.asarray(target.start(generator) if x0 is None else x0, dtype=np.float64)
    history = [(0, float(target.objective(x)))]
    for turn in range(counted("rounds", rounds)):
        jobs = [(one, rule, x, (entropy, turn, k), passes) for k, one in enumerate(dealt)]
        found = list(executor.map(descended, jobs)) if executor is not None else [descended(job) for job in jobs]
        x = np.average(found, axis=0, weights=[rows.size for rows in parts])
        history.append((turn + 1, float(target.objective(x))))
    text = f"{len(history) - 1} rounds"
    result = OptimizeResult()
    result.update(
        {
            "x": x, "fun": history[-1][1], "nit": len(history) - 1, "success": True, "status": 0, "message": text, "reason": text,
            "history": history, "rng_entropy": entropy,
        }
    )  # fmt: skip
    return result


def shard(target: Any, rows: Any) -> Any:
    """Return a linear target with some of its rows."""
    return target._replace(design=as_design(features("X", matrix(target.design)[rows])), labels=target.labels[rows].copy())


def descended(job: Any) -> Any:
    """Return the coefficients after some passes over a shard."""
    target, rule, x, seed, passes = job
    stream = np.random.SeedSequence(seed[0], spawn_key=seed[1:])
    return minimize(target, rule, x, stop=epochs(passes), rng=stream, progress=False).x
