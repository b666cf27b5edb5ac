r"""Hogwild: stochastic gradient descent by threads that share the coefficients and never wait for each other.

Each thread takes rows of its own and, for the features that a row has,

.. math:: w_j \leftarrow w_j - \eta \Big( \ell'(x_i \cdot w, y_i) x_{ij} + \lambda_2 \frac{n}{n_j} w_j \Big),

with :math:`n_j` the number of rows that have feature j, so that the penalty is right in the mean. Threads read what others are
just writing: two runs never agree to the bit. Rows must be sparse and their features spread out, or threads get in each other's
way. What gets lost acts like noise in the steps, so that a rate that falls to zero takes it out of the end, where a constant one
leaves it in.

References
----------
Niu, F., Recht, B., Re, C. and Wright, S. J. (2011). Hogwild: a lock-free approach to parallelizing stochastic gradient descent.
NIPS, algorithm 1 and equation (7).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import NEVER, advance
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError
from stochinf.engine.observers import Nothing
from stochinf.engine.parts import part
from stochinf.engine.pickers import Shuffled
from stochinf.engine.rates import checked_rate, is_open
from stochinf.engine.schedules import Linear
from stochinf.engine.session import Plan, build
from stochinf.engine.streams import entropy_of
from stochinf.engine.target import as_target, starting_positions
from stochinf.engine.threads import processors
from stochinf.models.design import matrix
from stochinf.optim.starting import starting_point

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

__all__ = ["Racing", "RacingState", "hogwild"]

Floats = npt.NDArray[np.float64]


class RacingState(NamedTuple):
    """The state of one thread; `position` is everyone's, `shares` holds n / n_j."""

    position: Floats
    shares: Floats
    stats: Floats


@part(needs=("score", "slope"), rate_field="learning_rate", statistics=("learning_rate",), yields="optimum", single=True)
class Racing(NamedTuple):
    """One thread's steps."""

    learning_rate: Any

    def pick(self, target: Any) -> Shuffled:
        """Visit every row once per epoch."""
        return Shuffled()

    def init(self, target: Any, position: Floats | None, streams: Any) -> RacingState:
        """Return the state at a starting point."""
        start = np.asarray(starting_point("hogwild", target, position, streams), dtype=np.float64)
        counts = np.asarray((matrix(target.design) != 0).sum(axis=0), dtype=np.float64).reshape(-1)
        return RacingState(start, target.n_points / np.maximum(counts, 1.0), np.zeros(1))

    def update(self, target: Any, state: RacingState, point: int, rate: float, rng: Any) -> None:
        """Move the coefficients of the features that a row has."""
        slope = target.slope(point, target.score(point, state.position))
        for place in range(target.design.first(point), target.design.end(point)):
            j = target.design.column(place)
            change = slope * target.design.entry(point, place)
            if j < target.penalised:
                change += target.l2 * state.shares[j] * state.position[j]
            state.position[j] -= rate * change
        state.stats[0] = rate


def hogwild(
    problem: Any, learning_rate: Any, epochs: int = 10, *, threads: int | None = None, x0: Any = None, rng: Any = None
) -> OptimizeResult:
    """Minimise a sparse linear model by threads that share its coefficients without locks. Not reproducible.

    Whether it pays depends on the data and the processor; measure. Independent seeds or points of a path on threads
    (`stochinf.run(..., chains=4, threads=4)`) are exact, and repeat to the bit.

    Parameters
    ----------
    problem : model
        A linear one on sparse rows, without an l1 penalty.
    learning_rate : float or schedule
        A number falls linearly to zero over the epochs. A schedule is taken as it is, `si.schedules.Constant(0.1)` for one; each
        thread counts its own steps.
    epochs : int
        Passes over the rows by all threads together, each with a share of its own, dealt afresh.
    threads : int, optional
        As many as there are processors by default.
    x0 : array of shape (dim,), optional
        Where to start.
    rng : int, SeedSequence, Generator or None
        Who takes which rows; with one thread the run can be repeated.

    Returns
    -------
    scipy.optimize.OptimizeResult
        `x`, `fun`, `history` (pairs of epoch and objective), `reproducible` (False with more than one thread).

    Raises
    ------
    StochinfError
        If the problem is no sparse linear model, or has an l1 penalty; if no learning rate is given.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> import stochinf as si
    >>> X = sp.random_array((300, 50), density=0.05, format="csr", rng=np.random.default_rng(0))
    >>> model = si.models.LogisticRegression(X, np.arange(300) % 2, l2=1e-2)
    >>> result = si.optim.hogwild(model, 0.1, epochs=5, threads=2, rng=0)
    >>> result.reproducible, bool(result.fun < 0.7)
    (False, True)
    """
    target, entropy = as_target(problem), entropy_of(rng)
    if not (getattr(target, "linear", False) and getattr(target, "sparse", False)) or target.l1 > 0:
        raise StochinfError("hogwild: a linear model on sparse rows (CSR) without an l1 penalty is needed; threads would collide")
    count = processors() if threads is None else counted("threads", threads)
    shares, passes = np.array_split(np.arange(target.n_points), count), counted("epochs", epochs)
    rule = Racing(_falling(checked_rate("hogwild", "learning_rate", learning_rate), passes * shares[0].size))
    plan = Plan(rule, target, None, None, Nothing(), starting_positions(x0, 1), count, 0, NEVER, False, entropy)
    blocks = build(plan, 0).blocks
    for block in blocks[1:]:
        block.state = block.state._replace(position=blocks[0].state.position)
    for block, share in zip(blocks, shares, strict=True):
        block.picker = Shuffled(share.size, share)
    history = [(0, float(target.objective(blocks[0].state.position)))]
    dealer = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(0, 0, 1)))
    with ThreadPoolExecutor(count) as pool:
        for epoch in range(passes):
            _deal(blocks, dealer)
            list(pool.map(advance, blocks, [share.size for share in shares]))
            history.append((epoch + 1, float(target.objective(blocks[0].state.position))))
    return _result(blocks[0].state.position, history, count, entropy, target.n_points)


def _falling(rate: Any, steps: int) -> Any:
    """Return a rate that falls to zero in some steps; a schedule as it is."""
    if is_open(rate):
        raise StochinfError("hogwild: learning_rate is open; give a number, about 1 / (mean |x|^2) for logistic regression")
    return rate if hasattr(rate, "at") else rate * Linear(max(1, steps))


def _deal(blocks: list[Any], dealer: np.random.Generator) -> None:
    """Deal all rows anew to the blocks, of which each keeps its number."""
    ends = np.cumsum([block.picker.n for block in blocks])
    for block, rows in zip(blocks, np.split(dealer.permutation(int(ends[-1])), ends[:-1]), strict=True):
        block.picker.order[:] = rows


def _result(x: Floats, history: list[tuple[int, float]], threads: int, entropy: int, rows: int) -> OptimizeResult:
    from scipy.optimize import OptimizeResult

    fine = bool(np.isfinite(x).all() and np.isfinite(history[-1][1]))
    text = f"{len(history) - 1} epochs on {threads} threads" + ("" if threads == 1 else ", not reproducible")
    text = text if fine else f"the iterates are not finite after {text}; take a smaller learning rate"
    result = OptimizeResult()
    result.update(
        {
            "x": np.array(x), "fun": history[-1][1], "nit": rows * (len(history) - 1), "success": fine,
            "status": 0 if fine else 1, "message": text, "reason": text, "history": history, "reproducible": threads == 1,
            "rng_entropy": entropy,
        }
    )  # fmt: skip
    return result
