"""Learning weights: the coin of nine tosses by twenty seeds, and what an epoch of contrastive divergence costs on large graphs.

`python benchmarks/learning.py 1e5` takes 10^5 variables instead of 10^6.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from measure import line

import stochinf as si
from stochinf.engine.block import advance
from stochinf.engine.session import Plan, build
from stochinf.graphs.logic.factors import logical_factors
from stochinf.learning.chains.kernel import GraphContrastive
from stochinf.learning.contrastive import lesson_of
from stochinf.learning.model import learning_model
from stochinf.learning.observations import Observations

WEIGHTS, FEATURES, NUMBSKULL = 1000, 10, 389.0
"""Weights; literals of a variable; nanoseconds that numbskull takes for a factor, as recorded."""
ISTRUE, IMPLY = 4, 0


def coin() -> None:
    """Learn ln(8) / 2 from eight heads and a tail, among eighteen tosses."""
    logic = si.graphs.Logic(range(18), weights={"bias": 0.0})
    for toss in range(18):
        logic.add("istrue", toss, weight="bias")
    graph, seen = logic.graph(), {toss: toss < 8 for toss in range(9)}
    weights, marginals, seconds = [], [], []
    for seed in range(-1, 20):
        began = time.process_time()
        learnt = si.learn_weights(graph, evidence=seen, method="pcd", rng=seed + 1)
        seconds.append(time.process_time() - began)
        weights.append(learnt.weights["bias"])
        marginals.append(si.marginals(learnt.graph)[17][1])
    line("coin, 20 seeds: largest error of the weight, 1e-3", 1e3 * float(np.abs(np.array(weights) - np.log(8) / 2).max()), "20")
    line("coin, 20 seeds: spread of the weight, 1e-3", 1e3 * float(np.std(weights)), "20")
    line("coin, 20 seeds: largest error of the marginal 8/9, 1e-3", 1e3 * float(np.abs(np.array(marginals) - 8 / 9).max()), "5")
    line("coin: CPU seconds, warm", float(np.median(seconds[1:])), "0.5")


def rules(variables: int, arity: int) -> Any:
    """Return rules with tied weights, ten literals a variable, the variables of a rule near each other."""
    rng = np.random.default_rng(arity)
    count = FEATURES * variables // arity
    first = np.repeat(np.arange(variables), FEATURES)[:: max(arity, 1)][:count]
    scope = (
        first[:, None] + np.cumsum(np.hstack([np.zeros((count, 1), int), rng.integers(1, 50, (count, arity - 1))]), 1)
    ) % variables
    factors = logical_factors(
        np.full(count, ISTRUE if arity == 1 else IMPLY), np.arange(0, arity * count + 1, arity), scope.ravel().astype(np.int32),
        np.ones(scope.size, np.int32), rng.integers(0, WEIGHTS, count).astype(np.int32), np.ones(count), np.zeros(WEIGHTS),
    )  # fmt: skip
    return si.graphs.LogicalGraph(np.full(variables, 2, np.int32), factors)


def epoch(graph: Any, particles: int, rounds: int = 4) -> float:
    """Return the CPU seconds of an epoch: every variable drawn in all chains of both kinds, statistics, steps of Adam."""
    n = graph.n_variables
    rng = np.random.default_rng(0)
    states = np.where(rng.random(n) < 0.5, rng.integers(0, 2, n), -1).astype(np.int32)
    seen = Observations(states[None, :], np.ones(1), {}, np.zeros(n, np.bool_), True)
    lesson = lesson_of(learning_model(graph), seen, False)
    kernel = GraphContrastive(0.01, si.optim.Adam().as_transform(), particles=particles)
    block = build(Plan(kernel, lesson, None, None, si.observers.Draws(), None, 1, 0, 2**40, False, 0), 1).blocks[0]
    advance(block, 2)
    least = np.inf
    for _ in range(rounds):
        began = time.thread_time()
        advance(block, lesson.n_points)
        least = min(least, time.thread_time() - began)
    return float(least)


def large(variables: int) -> None:
    """Time epochs on a graph of many variables, half of them observed."""
    for arity, what in ((1, "single-variable features"), (2, "rules of 2 literals"), (3, "rules of 3 literals")):
        graph = rules(variables, arity)
        for particles in (1, 16) if variables <= 10**5 or arity == 1 else (1,):
            seconds = epoch(graph, particles)
            name = f"{variables:.0e} variables, {FEATURES} {what}, {particles} + {particles} chains"
            line(f"{name}: million variables/s", variables / seconds / 1e6, "2" if particles == 1 else "-")
            visits = variables * FEATURES * particles * 1.5
            line(f"{name}: ns per literal and chain", 1e9 * seconds / visits, "20")
            line(f"{name}: numbskull's 389 ns a factor / this", NUMBSKULL * visits / (1e9 * seconds), "20")


def main() -> None:
    """Measure and print."""
    coin()
    large(int(float(sys.argv[1])) if len(sys.argv) > 1 else 10**6)


if __name__ == "__main__":
    main()
