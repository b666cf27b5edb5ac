"""Stochastic gradient descent, one row a step, on a9a: the engine against a compiled loop written by hand.

The data are read from $STOCHINF_DATA/optim/a9a.bz2 (svmlight; 32,561 rows, 123 columns, 14 features a row). Both do the whole
work of an epoch: shuffle the rows, take the rate of each step, keep the weights as a scale times a vector. One process, turn
by turn, CPU time, the best of several.

    STOCHINF_DATA=data python benchmarks/sgd.py
"""

from __future__ import annotations

import bz2
import math
import os
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np

import stochinf as si
from stochinf.engine.random import stream
from stochinf.engine.session import Plan, Session, build

ROUNDS = 60
EPOCHS = 2


@numba.njit(error_model="numpy")
def by_hand(values, columns, row_start, labels, l2, rate, epochs, order, rng):  # type: ignore[no-untyped-def]
    """Do some epochs; the best loop its author could write."""
    n = labels.size
    w = np.zeros(123)
    scale = 1.0
    s0, s1, s2, s3 = rng[0], rng[1], rng[2], rng[3]
    for _ in range(epochs):
        for i in range(n - 1, 0, -1):
            word = s0 + s1 + s3
            s3 += np.uint64(1)
            s0 = s1 ^ (s1 >> np.uint64(11))
            s1 = s2 + (s2 << np.uint64(3))
            s2 = ((s2 << np.uint64(24)) | (s2 >> np.uint64(40))) + word
            j = np.int64(((word >> np.uint64(32)) * np.uint64(i + 1)) >> np.uint64(32))
            order[i], order[j] = order[j], order[i]
        for step in range(n):
            row = order[step]
            first, last = row_start[row], row_start[row + 1]
            score = 0.0
            for k in range(first, last):
                score += values[k] * w[columns[k]]
            y = labels[row]
            slope = -y / (1.0 + math.exp(y * scale * score))
            scale *= 1.0 - rate * l2
            if scale < 1e-9:
                w *= scale
                scale = 1.0
            change = -rate * slope / scale
            for k in range(first, last):
                w[columns[k]] += change * values[k]
    return scale * w


def read() -> si.models.LogisticRegression | None:
    """Return logistic regression on a9a, or None where the data are not there."""
    file = Path(os.environ.get("STOCHINF_DATA", "")) / "optim" / "a9a.bz2"
    if "STOCHINF_DATA" not in os.environ or not file.is_file():
        print("skipped: set STOCHINF_DATA to a folder that holds optim/a9a.bz2 (the a9a data in svmlight format)")
        return None
    from sklearn.datasets import load_svmlight_file

    with bz2.open(file) as opened:
        X, y = load_svmlight_file(opened, n_features=123)
    return si.models.LogisticRegression(X, y, l2=1.0 / X.shape[0])


def fresh(target: Any, rate: float) -> Session:
    """Return a run at step 0."""
    plan = Plan(si.optim.SGD(rate), target, None, None, si.observers.Nothing(), None, 1, 0, 2**62, False, 0)
    return build(plan, 0)


def seconds(work: Any, *arguments: Any) -> float:
    """Return the CPU time of a call."""
    began = time.process_time()
    work(*arguments)
    return time.process_time() - began


def main() -> None:
    """Print nanoseconds per step of both, and their ratio."""
    from stochinf.engine.block import advance

    model = read()
    if model is None:
        return
    target = model.as_target()
    rows, n, rate = target.design, target.n_points, 0.1
    session = fresh(target, rate)
    block = session.blocks[0]

    def engine() -> None:
        advance(block, EPOCHS * n)

    def hand() -> Any:
        return by_hand(
            rows.values, rows.columns, rows.row_start, target.labels, target.l2, rate, EPOCHS, np.arange(n),
            stream(np.random.SeedSequence(0)),
        )  # fmt: skip

    engine(), hand()
    times = np.array([(seconds(engine), seconds(hand)) for _ in range(ROUNDS)]) / (EPOCHS * n) * 1e9
    ours, theirs = times.min(axis=0)
    print(f"best of {ROUNDS} turns of {EPOCHS} epochs: engine {ours:.1f} ns a step, by hand {theirs:.1f} ns")
    print(f"SGD on a9a, engine / by hand: {ours / theirs:.3f} (target: at most 1.10, or 5 ns more; {ours - theirs:+.1f} ns)")


if __name__ == "__main__":
    main()
