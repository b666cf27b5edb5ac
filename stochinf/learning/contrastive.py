"""Learning by chains: the methods `cd` and `pcd`; equations are in `stochinf.learning.chains.kernel`.

Four learners with chains of their own start from the same weights; what is returned is the mean of their averaged weights. How
far they lie apart says what another seed would bring (`spread`), and whether they agree (`rhat`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine import progress as progress_module
from stochinf.engine.driver import Controls, check_controls, drive
from stochinf.engine.errors import GraphError, StochinfError
from stochinf.engine.memory import demand
from stochinf.engine.observers import Draws
from stochinf.engine.rates import is_open, multiply
from stochinf.engine.schedules import RobbinsMonro
from stochinf.engine.session import Plan, Session, build
from stochinf.engine.target import check_stop
from stochinf.graphs.flat import Floats
from stochinf.learning.chains.agreement import runaways, split_rhat, spread_of
from stochinf.learning.chains.kernel import GraphContrastive
from stochinf.learning.chains.layout import chain_graph
from stochinf.learning.chains.lesson import Lesson, Observed
from stochinf.learning.chains.moments import measured
from stochinf.learning.model import Model, Rules, statistics
from stochinf.learning.observations import Observations
from stochinf.learning.question import Answer, Question
from stochinf.optim.adam import Adam

__all__ = ["by_cd", "by_pcd", "lesson_of"]

LEARNERS = 4
PARTICLES = 16
RATE = 0.05
KEPT = 160
"""Iterates of each learner that are kept to compare them."""
NUMBERS = 2**24
"""Numbers that they may have together."""
EPOCHS, STEPS = 50, 2000
"""Passes at least, and steps at least."""
SLACK, NEAR = 0.8, 0.05
"""A weight this near to 0 whose moments differ by less than this share of the l1 penalty is 0 at the optimum."""
SOFT_EVERY = 32
"""Sweeps between two draws of a softly observed variable where hidden ones must settle in between."""
LARGE = 2e6
"""Literals beyond which there are two learners with few chains each."""


def by_cd(question: Question) -> Answer:
    """Learn by contrastive divergence: chains start from the data at every step."""
    return _learnt(question, True)


def by_pcd(question: Question) -> Answer:
    """Learn by persistent contrastive divergence."""
    return _learnt(question, False)


def lesson_of(model: Model, observed: Observations, restart: bool, batch: int | None = None, particles: int = 1) -> Lesson:
    """Return what the kernel learns from.

    Parameters
    ----------
    model : Model
    observed : Observations
    restart : bool
        Whether chains start from the data: blocks of variables are then all of them.
    batch : int, optional
        Variables of a block.
    particles : int
        Rows that there should be at least; fewer are repeated.

    Raises
    ------
    GraphError
        If persistent chains are asked for where rows have given variables of their own.
    """
    if not restart and not observed.single and observed.given.any():
        raise GraphError("pcd: chains persist, and the given variables differ from row to row; take method='cd' or 'exact'")
    known = not restart and not observed.single and not (observed.rows < 0).any()
    blocks = 1 if restart else None if batch is None else max(1, model.graph.n_variables // batch)
    graph = chain_graph(model, blocks)
    nothing = np.empty((0, graph.n_variables), np.int16)
    times = -(-particles // len(observed.rows))
    rows = nothing if observed.single or known else np.tile(observed.rows.astype(np.int16), (times, 1))
    weights = np.tile(observed.weights / observed.weights.mean(), times)
    states = observed.rows[0] if observed.single else np.full(graph.n_variables, -1, np.int32)
    soft = _soft(observed, graph.field_start)
    goal: npt.NDArray[Any] = np.zeros(model.learnt.size)
    if known:
        goal += statistics(model, observed.rows, observed.weights)[model.learnt] / observed.total - _constants(model)
    seen = Observed(states.astype(np.int16), *soft, observed.given, rows, weights, goal, not known)
    return Lesson(graph, seen)


def _constants(model: Model) -> Floats:
    """Return what statistics of single-literal rules have in every configuration; chains count what lies above."""
    if not isinstance(model.terms, Rules):
        return np.zeros(model.learnt.size)
    terms, alone = model.terms, np.diff(model.terms.scope_start) == 1
    low = terms.feature[alone] * terms.levels[terms.level_start[alone]]
    found: Floats = np.bincount(terms.weight_id[alone], low, model.n_weights).astype(np.float64)[model.learnt]
    return found


def _soft(observed: Observations, starts: npt.NDArray[np.int32]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_], int]:
    """Return logarithms of soft observations, whose they are, and how many sweeps lie between two draws of them."""
    softly = np.zeros(starts.size - 1, np.bool_)
    softly[list(observed.soft)] = True
    logs = np.zeros(int(starts[-1]) if observed.soft else 0, np.float32)
    for v, chances in observed.soft.items():
        with np.errstate(divide="ignore"):
            logs[starts[v] : starts[v + 1]] = np.maximum(np.log(chances), -1e6)
    return logs, softly, SOFT_EVERY if observed.hidden.any() else 1


def _learnt(question: Question, restart: bool) -> Answer:
    model = question.model
    large = model.terms.scope.size > LARGE
    particles = (4 if large else PARTICLES) if question.particles is None else question.particles
    lesson = lesson_of(model, question.observed, restart, question.batch, particles)
    learners = 2 if large else LEARNERS
    kernel = _kernel(question, restart, particles)
    steps = _steps(question, lesson, particles)
    thin = max(1, steps // min(KEPT, max(8, NUMBERS // (learners * lesson.dim))))
    demand(8 * learners * lesson.dim * (steps // thin + 8), f"iterates of {lesson.dim} weights")
    start = np.repeat(model.values[model.learnt][None, :], learners, axis=0)
    plan = Plan(kernel, lesson, None, _schedule(question, steps), Draws(), start, learners, 0, thin, False, question.entropy)
    session = build(plan, steps // thin)
    check_stop(question.stop, lesson, plan.observer)
    shown = progress_module.shown(question.progress)
    drive(session, steps, check_controls(Controls(question.stop, None, None, shown, None, question.callback)))
    return _answered(question, session)


def _kernel(question: Question, restart: bool, particles: int) -> GraphContrastive:
    """Return the kernel that a question describes."""
    rule: Any = Adam() if question.optimizer is None else question.optimizer
    if not (hasattr(rule, "as_transform") or hasattr(rule, "apply") or hasattr(rule, "direct")):
        raise StochinfError(f"optimizer = {rule!r}: a rule such as stochinf.optim.Adam(0.05) or a transform is needed")
    if not hasattr(rule, "as_transform"):
        transform, own = rule, math.nan
    else:
        transform, own = rule.as_transform(), math.nan if question.optimizer is None else rule.given_rate()
    rate = own if question.learning_rate is None else question.learning_rate
    rate = RATE if is_open(rate) else rate
    return GraphContrastive(rate, transform, question.k, particles, restart, question.l1, question.l2)


def _schedule(question: Question, steps: int) -> Any:
    """Return the schedule, by default rates that fall as t^(-0.51) from a twentieth of the steps on."""
    if question.schedule is not None or question.learning_rate is not None or question.optimizer is not None:
        return question.schedule
    delay = max(10.0, steps / 20)
    return multiply(delay**0.51, RobbinsMonro(1.0, delay, 0.51))


def _steps(question: Question, lesson: Lesson, particles: int) -> int:
    """Return how many steps there are: so many epochs, or enough of them."""
    per_epoch = math.ceil(len(lesson.data.rows) / particles) if len(lesson.data.rows) else lesson.graph.n_blocks
    if question.epochs is not None:
        return max(1, question.epochs * per_epoch)
    return max(EPOCHS * per_epoch, STEPS)


def _answered(question: Question, session: Session) -> Answer:
    """Put together what the learners found."""
    model = question.model
    averages = np.stack([block.state.average for block in session.blocks])
    found, spread = averages.mean(axis=0), spread_of(averages)
    if not np.isfinite(found).all():
        raise GraphError(
            f"learning diverged: weight {model.names[int(model.learnt[np.argmin(np.isfinite(found))])]!r} is no longer finite;"
            " give a smaller learning_rate"
        )
    draws, norms = session.draws()
    rhat = split_rhat(draws[:, draws.shape[1] // 2 :])
    away = runaways(draws)
    facts = measured(question, session, found)
    if question.l1 > 0:
        slack = np.abs(facts.expected - facts.observed) < SLACK * question.l1
        found[slack & (np.abs(found) < NEAR + 4 * np.nan_to_num(spread))] = 0.0
    reason, converged = _verdict(session, rhat, spread, facts.se, [model.names[int(k)] for k in model.learnt[away]])
    every = session.every
    history = [((t + 1) * every, float(x)) for t, x in enumerate(norms[:, :, 0].mean(axis=0).tolist())]
    facts.se[away] = np.inf
    return Answer(
        _whole(model, found, model.values),
        _whole(model, facts.se, 0.0),
        rhat=_whole(model, rhat, np.nan),
        spread=_whole(model, spread, 0.0),
        history=history,
        reason=reason,
        converged=converged,
        expected=_whole(model, facts.expected, np.nan),
        expected_error=_whole(model, facts.error, np.nan),
        observed=_whole(model, facts.observed, np.nan),
        interrupted=session.interrupted,
    )


def _whole(model: Model, learnt: Floats, others: Any) -> Floats:
    """Return numbers of all weights from those of the ones that are learnt."""
    found = np.array(np.broadcast_to(np.asarray(others, np.float64), (model.n_weights,)))
    found[model.learnt] = learnt
    return found


def _verdict(session: Session, rhat: Floats, spread: Floats, se: Floats, away: list[Any]) -> tuple[str, bool]:
    """Return how learning ended, and whether it converged."""
    if away:
        more = f" (and {len(away) - 1} more)" if len(away) > 1 else ""
        return (
            f"{session.reason}; weight {away[0]!r}{more} runs away: the data do not bound it (what was observed always agrees"
            " with it), or there were too few epochs; give l2=, or more epochs"
        ), False
    worst = float(np.nanmax(rhat, initial=1.0))
    settled = (spread <= np.maximum(0.02, 0.2 * np.nan_to_num(se, nan=0.0, posinf=0.0))).all()
    apart = float(spread.max(initial=0.0))
    text = f"{session.reason}, {len(session.blocks)} learners: R-hat of weights at most {worst:.3g}, spread {apart:.2g}"
    return text, bool(worst <= 1.1 or settled)
