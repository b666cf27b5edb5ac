"""Two roots and quotients at once, and tapes that a thread keeps."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

import stochinf as si
from stochinf.engine.block import TAPE, advance
from stochinf.engine.jit import entry
from stochinf.engine.pairs import over_roots
from stochinf.engine.session import Plan, build


@entry
def both(first: float, second: float, square: float, other: float, shift: float) -> tuple[float, float]:
    """Call the pair from compiled code."""
    return over_roots(first, second, square, other, shift)


@pytest.mark.fast
@pytest.mark.parametrize("shift", [1e-8, 0.0, 1e300])
def test_a_pair_is_two_single_ones_to_the_last_bit(shift):
    for first, second, square, other in np.random.default_rng(0).normal(size=(200, 4)) ** 2 * [1, -1e10, 1e-290, 1e200]:
        wanted = first / (math.sqrt(square) + shift), second / (math.sqrt(other) + shift)
        assert both(first, second, square, other, shift) == wanted


def adam(gradients, rate=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
    """Return the path of Adam on given gradients, textbook order of operations."""
    m = v = x = np.zeros(gradients.shape[1])
    path = []
    for t, g in enumerate(gradients, start=1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        x = x - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        path.append(x)
    return np.array(path)


def test_adam_treats_every_coordinate_alike_whatever_their_number():
    gradients = np.random.default_rng(1).normal(size=(400, 11)) * np.geomspace(1e-6, 1e6, 11)
    wanted = adam(gradients)
    for dim in range(1, 12):
        path = si.optim.trajectory(si.optim.Adam(0.01), np.zeros(dim), np.ascontiguousarray(gradients[:, :dim]), 400)
        assert np.abs(path - wanted[:, :dim]).max() <= 1e-12 * np.abs(wanted).max()


@si.kernel
class Count(NamedTuple):
    """A kernel that sums its points and rates."""

    unused: int = 0

    def init(self, target, position, streams):
        return Sums(np.zeros(1), np.zeros(1))

    def update(self, target, state, point, rate, rng):
        state.position[0] += rate * (1 + point)


class Sums(NamedTuple):
    """Its state."""

    position: np.ndarray
    stats: np.ndarray


@si.kernel
class Rows(NamedTuple):
    """A target of ten points."""

    n_points = 10
    dim = 1


def block_of(schedule=None, picker=None):
    plan = Plan(Count(), Rows(), picker or si.pickers.Scan(10), schedule, si.observers.Nothing(), None, 1, 0, 2**62, False, 0)
    return build(plan, 0).blocks[0]


def total(steps):
    """Return the sum of 1 + point over a scan."""
    return float(np.sum(np.arange(steps) % 10 + 1))


def test_runs_of_a_thread_share_tapes_and_nothing_else():
    long, short = block_of(), block_of()
    advance(long, TAPE + 7)
    advance(short, 3)
    assert long.state.position[0] == total(TAPE + 7)
    assert short.state.position[0] == total(3)


def test_a_run_inside_a_run_has_tapes_of_its_own(monkeypatch):
    from stochinf.engine import block as module

    stretch = module._stretch

    def nested(outer, points, rates):
        stretch(outer, points, rates)
        kept = points.copy(), rates.copy()
        if outer.step == 0 and len(points) == 20:
            advance(block_of(), 20_000)
        assert np.array_equal(points, kept[0])
        assert np.array_equal(rates, kept[1])

    monkeypatch.setattr(module, "_stretch", nested)
    outer = block_of()
    advance(outer, 20)
    advance(outer, 15)
    assert outer.state.position[0] == total(35)
