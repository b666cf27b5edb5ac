r"""How the no-U-turn sampler doubles its trajectory, compiled, without recursion and without allocation.

A doubling goes forwards or backwards with equal chance, for as many steps as there are points already. A point of energy error
:math:`\Delta = H_0 - H` has weight :math:`e^{\Delta}`; the new half offers one of its points with chance weight over sum of
weights of the half, and the whole takes it with chance min(1, weight of the new half / weight of the old): biased progressive
sampling.
The trajectory ends where it turns back upon itself: with :math:`\rho` the sum of momenta between two points,

.. math:: r_a \cdot \bigl(\rho - \tfrac{1}{2}(r_a + r_b)\bigr) \le 0
    \quad\text{or}\quad r_b \cdot \bigl(\rho - \tfrac{1}{2}(r_a + r_b)\bigr) \le 0,

for the whole, for every balanced subtree of the new half, and for each half of these with the nearest point of the other half.
Subtrees that end at step n begin where n's trailing ones are cleared, so it is enough to remember the momenta around one point
and a sum for each set bit.

References
----------
Hoffman, M. D. and Gelman, A. (2014). The No-U-Turn sampler. JMLR 15.
Betancourt, M. (2017). A conceptual introduction to Hamiltonian Monte Carlo, appendix A.3.2 (multinomial and biased progressive).
Phan, D., Pradhan, N. and Jankowiak, M. (2019). Composable effects for flexible and accelerated probabilistic programming in
NumPyro, section 3 (the iterative tree).
"""

from __future__ import annotations

import math
from typing import Any

from stochinf.engine.jit import helper
from stochinf.engine.random import uniform
from stochinf.mcmc.hamiltonian import (
    ACCEPTANCE,
    DEPTH,
    DIVERGING,
    EDGE,
    ENERGY,
    ERROR,
    KEPT,
    LARGEST,
    LEFT,
    LP,
    N_STEPS,
    NOMINAL,
    PROPOSALS,
    REACHED,
    RIGHT,
    STEP,
    SUB_SUM,
    SUM,
    VELOCITY,
)
from stochinf.mcmc.leapfrog import RANK, copy, leapfrog, refresh, slope_row

__all__ = ["add_leaf", "begin", "double", "finish", "learnable", "note_divergence", "record", "record_tree"]

START, WEIGHT, SUB_WEIGHT, OFFSET, ACCEPTED, SYMMETRIC, STEPS = range(7)
LP_CHOSEN, LP_OFFERED, ERROR_CHOSEN, ERROR_OFFERED, WORST, DIVERGED, CHOSEN, PLACE, PLACE_OFFERED, DOUBLINGS = range(7, 17)
"""Places in `state.figures`; `PLACE` says how many steps into its doubling the chosen point lies, 0 for the start itself."""

DIVERGENCES = 2
"""Where `counts` has the number of divergences after warm-up."""

TOO_LARGE = 1000.0
"""An energy error that is a divergence."""

RESCALE = 200.0
"""Weights are kept relative to an offset, moved where one would exceed the exponential of this."""


@helper(reorder=True)
def turning(first: Any, last: Any, total: Any) -> bool:
    """Whether a stretch with these end momenta and this sum has turned back."""
    at_first = 0.0
    at_last = 0.0
    for i in range(total.size):
        middle = total[i] - 0.5 * (first[i] + last[i])
        at_first += first[i] * middle
        at_last += last[i] * middle
    return at_first <= 0.0 or at_last <= 0.0


@helper(reorder=True)
def turning_since(first: Any, before: Any, last: Any, total: Any) -> bool:
    """Do `turning` for the stretch from a checkpoint; `before` is the sum up to and including its first momentum."""
    at_first = 0.0
    at_last = 0.0
    for i in range(total.size):
        middle = total[i] - before[i] + 0.5 * (first[i] - last[i])
        at_first += first[i] * middle
        at_last += last[i] * middle
    return at_first <= 0.0 or at_last <= 0.0


@helper(reorder=True)
def halves_turning(first: Any, inner: Any, middle: Any, last: Any, before: Any, until: Any, total: Any) -> bool:
    """Do `turning` for a subtree, and for each half with the nearest point of the other, in one pass over memory.

    Momenta: the first, the last of the first half (`inner`), the first of the second (`middle`), the last. Sums: up to and
    including the first, the middle and the last momentum.
    """
    whole_first = 0.0
    whole_last = 0.0
    left_first = 0.0
    left_last = 0.0
    right_first = 0.0
    right_last = 0.0
    for i in range(total.size):
        a, b, c, d = first[i], inner[i], middle[i], last[i]
        whole = total[i] - before[i] + 0.5 * (a - d)
        left = until[i] - before[i] + 0.5 * (a - c)
        right = total[i] - until[i] + c + 0.5 * (b - d)
        whole_first += a * whole
        whole_last += d * whole
        left_first += a * left
        left_last += c * left
        right_first += b * right
        right_last += d * right
    return min(whole_first, whole_last, left_first, left_last, right_first, right_last) <= 0.0


@helper(reorder=True)
def turning_with(first: Any, last: Any, total: Any) -> bool:
    """Do `turning` for a stretch of this sum and one momentum more, the last."""
    at_first = 0.0
    at_last = 0.0
    for i in range(total.size):
        middle = total[i] + 0.5 * (last[i] - first[i])
        at_first += first[i] * middle
        at_last += last[i] * middle
    return at_first <= 0.0 or at_last <= 0.0


@helper()
def depth_of(leaf: int) -> int:
    """Return how many bits are set above the lowest: the place of the checkpoint that a leaf belongs to."""
    depth = 0
    rest = leaf >> 1
    while rest > 0:
        depth += rest & 1
        rest >>= 1
    return depth


@helper()
def subtree_turns(state: Any, leaf: int, r: Any) -> bool:
    """Note where subtrees begin (even leaves); at odd leaves, whether one that ends here has turned, the smallest first."""
    checkpoints = state.checkpoints
    total = state.paths[SUB_SUM]
    place = 3 * depth_of(leaf)
    if leaf & 1 == 0:
        copy(r, checkpoints[place])
        copy(total, checkpoints[place + 1])
        return False
    if turning_since(checkpoints[place], checkpoints[place + 1], r, total):
        return True
    rest = leaf >> 1
    while rest & 1:
        place -= 3
        if halves_turn(checkpoints, place, r, total):
            return True
        rest >>= 1
    copy(r, checkpoints[3 * depth_of(leaf + 1) + 2])
    return False


@helper()
def halves_turn(checkpoints: Any, place: int, r: Any, total: Any) -> bool:
    """Whether a subtree of two halves has turned: the whole, or a half with the nearest point of the other.

    The whole alone would not do: a trajectory that has come full circle looks as if it had not turned.
    """
    ends = (checkpoints[place], checkpoints[place + 5], checkpoints[place + 3], r)
    return halves_turning(*ends, checkpoints[place + 1], checkpoints[place + 4], total)


@helper()
def begin(state: Any, log_density: float, rng: Any) -> None:
    """Begin a trajectory with a fresh momentum."""
    figures = state.figures
    for i in range(figures.size):
        figures[i] = 0.0
    figures[START] = refresh(state, rng) - log_density
    figures[WEIGHT] = 1.0
    figures[LP_CHOSEN] = log_density


@helper()
def weigh(figures: Any, error: float) -> float:
    """Add a point of energy error H0 - H to the sums; return its weight."""
    if error - figures[OFFSET] > RESCALE:
        factor = math.exp(figures[OFFSET] - error)
        figures[WEIGHT] *= factor
        figures[SUB_WEIGHT] *= factor
        figures[OFFSET] = error
    weight = math.exp(error - figures[OFFSET])
    chance = weight if figures[OFFSET] == 0.0 else math.exp(min(error, RESCALE))
    figures[SUB_WEIGHT] += weight
    figures[ACCEPTED] += min(1.0, chance)
    figures[SYMMETRIC] += 2.0 * min(1.0, chance) / (1.0 + chance)
    if abs(error) > abs(figures[WORST]):
        figures[WORST] = -error
    return weight


@helper()
def note_divergence(state: Any, end: int, step: float) -> None:
    """Note that the trajectory diverges, and after warm-up the point from which its last step set out."""
    state.figures[DIVERGED] = 1.0
    if state.counts[0] >= 0:
        return
    number = state.counts[DIVERGENCES]
    state.counts[DIVERGENCES] = number + 1
    if number < KEPT:
        for i in range(state.position.size):
            state.divergences[number, i] = state.paths[end, i] - step * state.paths[VELOCITY, i]


@helper()
def add_leaf(target: Any, state: Any, end: int, step: float, place: float, rng: Any) -> bool:
    """Do one step and offer its point; False where it diverges."""
    figures = state.figures
    log_density, kinetic = leapfrog(target, state, end, SUB_SUM, step)
    error = figures[START] - (kinetic - log_density)
    figures[STEPS] += 1.0
    if not error > -TOO_LARGE:
        figures[WORST] = math.inf if math.isnan(error) else -error
        note_divergence(state, end, step)
        return False
    weight = weigh(figures, error)
    if uniform(rng) * figures[SUB_WEIGHT] < weight:
        offered = PROPOSALS + 2 - 2 * int(figures[CHOSEN])
        copy(state.paths[end], state.paths[offered])
        copy(state.paths[slope_row(state.counts[RANK], end)], state.paths[offered + 1])
        figures[LP_OFFERED] = log_density
        figures[ERROR_OFFERED] = -error
        figures[PLACE_OFFERED] = place
    return True


@helper()
def double(target: Any, state: Any, depth: int, step: float, rng: Any) -> bool:
    """Double the trajectory; return whether it may be doubled again."""
    figures = state.figures
    total = state.paths[SUB_SUM]
    for i in range(total.size):
        total[i] = 0.0
    figures[SUB_WEIGHT] = 0.0
    end = LEFT
    length = -step
    if uniform(rng) < 0.5:
        end = RIGHT
        length = step
    copy(state.paths[end + 1], state.paths[EDGE])
    for leaf in range(1 << depth):
        if not add_leaf(target, state, end, length, float(leaf + 1), rng):
            return False
        if subtree_turns(state, leaf, state.paths[end + 1]):
            return False
    return join(state, end, depth, rng)


@helper()
def join(state: Any, end: int, depth: int, rng: Any) -> bool:
    """Join the new half to the trajectory; return whether it has not turned yet."""
    figures = state.figures
    paths = state.paths
    total = paths[SUM]
    added = paths[SUB_SUM]
    other = paths[LEFT + RIGHT - end + 1]
    turned = depth > 0 and (turning_with(other, state.checkpoints[0], total) or turning_with(paths[end + 1], paths[EDGE], added))
    if uniform(rng) * figures[WEIGHT] < figures[SUB_WEIGHT]:
        figures[CHOSEN] = 1.0 - figures[CHOSEN]
        figures[LP_CHOSEN] = figures[LP_OFFERED]
        figures[ERROR_CHOSEN] = figures[ERROR_OFFERED]
        figures[PLACE] = figures[PLACE_OFFERED]
    figures[WEIGHT] += figures[SUB_WEIGHT]
    figures[DOUBLINGS] += 1.0
    for i in range(total.size):
        total[i] += added[i]
    return not (turned or bool(turning(paths[LEFT + 1], paths[RIGHT + 1], total)))


@helper()
def finish(state: Any) -> None:
    """Take the chosen point."""
    chosen = PROPOSALS + 2 * int(state.figures[CHOSEN])
    copy(state.paths[chosen], state.position)
    copy(state.paths[chosen + 1], state.gradient)


@helper()
def learnable(figures: Any) -> bool:
    """Whether the metric may learn from the chosen point: one that moved, and not one that a divergence stopped at its start."""
    return bool(figures[PLACE] > (4.0 if figures[DIVERGED] == 1.0 else 0.0))


@helper()
def record(state: Any, step: float, nominal: float) -> None:
    """Write the statistics of a trajectory."""
    figures = state.figures
    stats = state.stats
    stats[LP] = figures[LP_CHOSEN]
    stats[ACCEPTANCE] = figures[ACCEPTED] / max(1.0, figures[STEPS])
    stats[STEP] = step
    stats[NOMINAL] = nominal
    stats[N_STEPS] = figures[STEPS]
    stats[DIVERGING] = figures[DIVERGED]
    stats[ENERGY] = figures[START] + figures[ERROR_CHOSEN]
    stats[ERROR] = figures[ERROR_CHOSEN]


@helper()
def record_tree(state: Any, deepest: int) -> None:
    """Write the statistics of a tree."""
    depth = state.figures[DOUBLINGS]
    state.stats[LARGEST] = state.figures[WORST]
    state.stats[DEPTH] = depth
    state.stats[REACHED] = 1.0 if depth == deepest else 0.0
