"""One step of learning in compiled code; the equations stand in `stochinf.rbm.contrastive`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.jit import helper
from stochinf.engine.random import lane_uniform
from stochinf.models.batch import member, size_of
from stochinf.optim.contract import Move
from stochinf.rbm.entries import add_products

__all__ = ["learn"]

Singles = npt.NDArray[np.float32]


@helper()
def learn(kernel: Any, target: Any, state: Any, point: Any, rate: float, rng: Any) -> None:
    """Estimate the gradient on a minibatch, no more rows at once than the work space holds, and move the parameters."""
    capacity = state.drawn.shape[0]
    points = size_of(point)
    total, rows = 0.0, 0
    for place in range(points):
        row = member(point, place)
        if row >= 0:
            total += target.weight(row)
            rows += 1
    state.stats[0] = np.nan
    if total > 0.0:
        kernel.transform.look(state.position, state.memory)
        clear(state)
        first = True
        error = 0.0
        for start in range(0, points, capacity):
            stop = min(start + capacity, points)
            found = weigh(target, point, start, stop, total, state.factors)
            if found > 0:
                error += statistics(kernel, target, state, point, start, stop, found, first, rng)
                first = False
        finish(kernel, state)
        kernel.chains.learnt(state, rate)
        kernel.transform.descend(state.position, state.gradient, state.memory, Move(rate, rows))
        state.stats[0] = error / (rows * state.visible.shape[1])


@helper()
def clear(state: Any) -> None:
    """Begin a step: no sums yet."""
    for values in (state.sums, state.means, state.squares):
        for i in range(values.size):
            values[i] = np.float32(0.0)


@helper()
def weigh(target: Any, point: Any, start: int, stop: int, total: float, factors: Singles) -> int:
    """Write what each row of a group counts; return how many there are."""
    found = 0
    for k in range(start, stop):
        row = member(point, k)
        if row >= 0:
            factors[found] = np.float32(target.weight(row) / total)
            found += 1
    return found


@helper()
def statistics(
    kernel: Any, target: Any, state: Any, point: Any, start: int, stop: int, found: int, first: bool, rng: Any
) -> float:
    """Add what a group of rows and their chains contribute to the gradient; return the squared distance between them."""
    chains = kernel.chains.rows(found, first)
    n_visible, n_hidden = state.visible.shape[1], state.hidden.shape[1]
    size = n_visible * n_hidden
    weights = state.position[:size].reshape((n_visible, n_hidden))
    hidden_bias = state.position[size + n_visible : size + n_visible + n_hidden]
    data, hidden = state.visible[chains : chains + found], state.hidden[chains : chains + found]
    target.activate(point, start, stop, weights, data, hidden, state)
    kernel.hidden.draw(hidden, hidden_bias, state.position[:0], state.words, state.drawn[:found])
    drop(kernel, state, chains, found)
    if chains > 0:
        kernel.chains.run(kernel, state, chains, rng)
        hide(kernel, state, chains)
    error = np.nan
    if kernel.chains.follows():
        error = target.distance(point, start, stop, data, state.visible[:found])
    signed(kernel, state, chains, found)
    moments(kernel, target, state, chains, found)
    products = state.gradient[:size].reshape((n_visible, n_hidden))
    add_products(target, state, point, start, stop, chains, found, products, first)
    return error


@helper()
def drop(kernel: Any, state: Any, chains: int, found: int) -> None:
    """Choose the hidden units of each row and chain; a chain from the data has its row's."""
    if kernel.dropout > 0.0:
        for row in range(chains + found):
            for j in range(state.mask.shape[1]):
                state.mask[row, j] = np.float32(1.0) if lane_uniform(state.words, j) >= kernel.dropout else np.float32(0.0)
        for row in range(found):
            for j in range(state.mask.shape[1]):
                if kernel.chains.follows():
                    state.mask[row, j] = state.mask[chains + row, j]
                state.hidden[chains + row, j] *= state.mask[chains + row, j]
                state.drawn[row, j] *= state.mask[chains + row, j]


@helper()
def hide(kernel: Any, state: Any, chains: int) -> None:
    """Take the units that drop out from chains."""
    if kernel.dropout > 0.0:
        for row in range(chains):
            for j in range(state.mask.shape[1]):
                state.hidden[row, j] *= state.mask[row, j]


@helper()
def signed(kernel: Any, state: Any, chains: int, found: int) -> None:
    """Turn weights of rows into factors of the gradient: below the chains with a minus, beside them those of the chains."""
    for row in range(found - 1, -1, -1):
        state.factors[chains + row] = -state.factors[row]
    for row in range(chains):
        state.factors[row] = -state.factors[chains + row] if kernel.chains.follows() else np.float32(1.0 / chains)


@helper(reorder=True)
def moments(kernel: Any, target: Any, state: Any, chains: int, found: int) -> None:
    """Add the first moments of chains and data, and weight and centre the hidden units."""
    n_visible, n_hidden = state.visible.shape[1], state.hidden.shape[1]
    offsets = state.offsets[n_visible:]
    centered = np.float32(kernel.centered)
    for row in range(chains + found):
        factor = state.factors[row]
        own = state.sums if row < chains else state.means
        sign = np.float32(1.0) if row < chains else np.float32(-1.0)
        moment = own[n_visible:]
        for j in range(n_hidden):
            value = np.float32(factor * state.hidden[row, j])
            moment[j] += np.float32(sign * value)
            state.hidden[row, j] = np.float32(value - centered * factor * offsets[j])
        if row < chains or target.merged():
            weight = np.float32(sign * factor)
            for i in range(n_visible):
                own[i] += np.float32(weight * state.visible[row, i])
            for i in range(state.squares.size):
                state.squares[i] += np.float32(factor * state.visible[row, i] * state.visible[row, i])


@helper(reorder=True)
def finish(kernel: Any, state: Any) -> None:
    """Complete the gradient from products and moments, add the penalties, and let the running means slide."""
    n_visible, n_hidden = state.visible.shape[1], state.hidden.shape[1]
    for i in range(state.sums.size):
        state.sums[i] -= state.means[i]
    size = n_visible * n_hidden
    hidden_bias = state.gradient[size + n_visible : size + n_visible + n_hidden]
    for j in range(n_hidden):
        pull = kernel.penalties.sparsity * (state.offsets[n_visible + j] - kernel.penalties.sparsity_target)
        hidden_bias[j] = np.float32(state.sums[n_visible + j] + pull)
    shape = (n_visible, n_hidden)
    centre(kernel, state, state.gradient[:size].reshape(shape), state.position[:size].reshape(shape), hidden_bias)
    for i in range(state.squares.size):
        place = size + n_visible + n_hidden + i
        state.gradient[place] = np.float32(-0.5 * np.exp(state.position[place]) * state.squares[i])
    kept, share = np.float32(1.0 - kernel.sliding), np.float32(kernel.sliding)
    for i in range(state.offsets.size):
        state.offsets[i] = np.float32(kept * state.offsets[i] + share * state.means[i])


@helper(reorder=True)
def centre(kernel: Any, state: Any, gradient: Any, weights: Any, hidden_bias: Any) -> None:
    """Take the offsets of visible units out of the products and those of both layers out of the biases; add weight decay."""
    n_visible, n_hidden = gradient.shape
    visible_bias = state.gradient[n_visible * n_hidden :]
    l1, l2 = np.float32(kernel.penalties.l1), np.float32(kernel.penalties.l2)
    centered = np.float32(kernel.centered)
    for i in range(n_visible):
        offset = np.float32(centered * state.offsets[i])
        moved = np.float32(0.0)
        for j in range(n_hidden):
            g = np.float32(gradient[i, j] - offset * state.sums[n_visible + j])
            moved += np.float32(g * state.offsets[n_visible + j])
            hidden_bias[j] -= np.float32(offset * g)
            w = weights[i, j]
            sign = np.float32(1.0) if w > np.float32(0.0) else np.float32(-1.0)
            gradient[i, j] = np.float32(g + np.float32(l2 * w + (l1 * sign if w != np.float32(0.0) else np.float32(0.0))))
        visible_bias[i] = np.float32(state.sums[i] - centered * moved)
