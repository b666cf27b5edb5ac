r"""Moments at the weights that were learnt: mean statistics of model and data, and standard errors from their covariance.

The chains of the learners go on at fixed weights. The information in N rows, or in one graph, is

.. math:: I = N \big( \mathrm{Cov}(T) - E_o[ \mathrm{Cov}(T \mid o) ] + \lambda_2 1 \big),

(Louis), the second term from the chains that complete what was observed; where rows are incomplete, from two independent
completions of each row. Standard errors are the roots of the diagonal of its inverse; infinite where nothing tells a weight.

References
----------
Louis, T. A. (1982). Finding the observed information matrix when using the EM algorithm. JRSS B 44, equation (3.1).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.block import NEVER, Block, advance
from stochinf.engine.rates import Constant
from stochinf.engine.session import Session
from stochinf.learning.model import row_statistics, statistics
from stochinf.learning.question import Question

__all__ = ["Measured", "measured", "standard_errors"]

Floats = npt.NDArray[np.float64]

SETTLING = 20
"""Sweeps at the weights found before the first look."""
LOOKS, MOST_LOOKS = 8, 256
PASSES = 8
MOST_ROWS = 4096
NUMBERS = 2**24
"""States, and statistics, that all looks may have together."""
MOST_WEIGHTS = 500
"""Weights beyond which no covariance is taken."""
NULL = 1e-6


class Measured(NamedTuple):
    """Moments.

    Attributes
    ----------
    expected, observed : float64 (D,)
        Mean statistics that the model expects, and those of the data.
    error : float64 (D,)
        Standard errors of `expected`.
    se : float64 (D,)
        Of the weights; NaN where they were not asked for or cannot be told.
    """

    expected: Floats
    observed: Floats
    error: Floats
    se: Floats


def measured(question: Question, session: Session, weights: Floats) -> Measured:
    """Let the chains go on at fixed weights and look at their statistics."""
    data = session.plan.target.data
    restart = bool(len(data.rows) and data.given.any())
    for block in session.blocks:
        block.kernel = block.kernel._replace(restart=restart)
        hold(block, weights, SETTLING)
    free, held = looks_at(question, session, weights)
    seen, within = _of_data(question, session, weights, held)
    expected, lanes = free.mean(axis=0), session.blocks[0].state.share.shape[1] * len(session.blocks)
    by_lane = free.reshape(-1, lanes, weights.size).mean(axis=0)
    error = by_lane.std(axis=0, ddof=1) / np.sqrt(lanes) if lanes > 1 else np.full(weights.size, np.nan)
    if not question.se or weights.size > MOST_WEIGHTS or within is None:
        return Measured(expected, seen, error, np.full(weights.size, np.nan))
    information = np.cov(free, rowvar=False).reshape(weights.size, -1) - within + question.l2 * np.eye(weights.size)
    return Measured(expected, seen, error, standard_errors(question.observed.total * information))


def looks_at(question: Question, session: Session, weights: Floats) -> tuple[Floats, Floats]:
    """Return statistics of free chains and, of one graph, of those that see the data, many sweeps and all chains."""
    graph, data = session.plan.target.graph, session.plan.target.data
    lanes = session.blocks[0].state.share.shape[1] * len(session.blocks)
    rows = min(MOST_ROWS, NUMBERS // max(graph.n_variables, question.model.n_weights))
    free, held = [], [np.empty((0, weights.size))]
    for _ in range(max(LOOKS, min(MOST_LOOKS, rows // lanes)) if question.se else LOOKS):
        for block in session.blocks:
            hold(block, weights, 1)
            free.append(_statistics(question, block.state.states[0]))
            if data.chained and not len(data.rows):
                held.append(_statistics(question, block.state.states[1]))
    return np.concatenate(free), np.concatenate(held)


def _statistics(question: Question, states: npt.NDArray[Any]) -> Floats:
    """Return the statistics of states (V, lanes) for the weights that are learnt, (lanes, D)."""
    found: Floats = row_statistics(question.model, states.T.astype(np.int32))[:, question.model.learnt]
    return found


def _of_data(question: Question, session: Session, weights: Floats, held: Floats) -> tuple[Floats, Any]:
    """Return the mean statistics of the data, and their covariance given what was observed (None: unknown)."""
    observed, model = question.observed, question.model
    hides = bool(observed.hidden.any())
    if observed.single:
        spread = np.cov(held, rowvar=False).reshape(weights.size, -1) if hides else 0.0
        return held.mean(axis=0), None if hides and observed.soft else spread
    if not hides:
        return statistics(model, observed.rows, observed.weights)[model.learnt] / observed.total, 0.0
    weights_of_rows = session.plan.target.data.row_weight
    shares = weights_of_rows / weights_of_rows.sum()
    looks = [_completed(question, session.blocks[0], weights) for _ in range(PASSES)]
    mean = np.mean(looks, axis=0)
    spread = sum((one - mean).T @ ((one - mean) * shares[:, None]) for one in looks) / (PASSES - 1)
    return shares @ mean, spread


def _completed(question: Question, block: Block, weights: Floats) -> Floats:
    """Return the statistics of every row after another pass, (N, D)."""
    hold(block, weights, -(-len(block.state.completed) // block.state.share.shape[1]))
    return _statistics(question, block.state.completed.T)


def standard_errors(information: Floats) -> Floats:
    """Return the roots of the diagonal of the inverse, infinite for weights that the information does not tell.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.learning.chains.moments import standard_errors
    >>> standard_errors(np.array([[4.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]))
    array([0.5, inf, inf])
    """
    values, vectors = np.linalg.eigh((information + information.T) / 2)
    told = values > NULL * max(float(values.max(initial=0.0)), 0.0)
    inverse = np.divide(1.0, values, out=np.zeros(values.size), where=told)
    errors = np.sqrt((vectors**2) @ inverse)
    errors[(vectors**2) @ (~told).astype(float) > NULL] = np.inf
    found: Floats = errors
    return found


def hold(block: Block, weights: Floats, sweeps: int) -> None:
    """Do some sweeps, or minibatches of rows, at fixed weights, unobserved."""
    block.schedule, block.every, block.observe_from = Constant(0.0), NEVER, block.step
    steps = 1 if len(block.target.data.rows) else block.target.graph.n_blocks
    for _ in range(sweeps):
        block.state.position[:] = weights
        advance(block, steps)
    block.state.position[:] = weights
