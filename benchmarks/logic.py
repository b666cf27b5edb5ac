"""Logical factors by counters: nanoseconds per literal visited, by number of literals, beside the same rules as tables."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from measure import best, line

import stochinf as si
from stochinf.graphs.logic.factors import logical_factors

VARIABLES, LITERALS, SWEEPS = 2000, 18_000, 60
IMPLY = 0


def rules(arity: int) -> si.graphs.LogicalGraph:
    """Return implications of so many literals over Boolean variables, nine literals a variable."""
    rng = np.random.default_rng(arity)
    count = LITERALS // arity
    scope = np.concatenate([rng.choice(VARIABLES, arity, replace=False) for _ in range(count)]).astype(np.int32)
    factors = logical_factors(
        np.full(count, IMPLY), np.arange(0, arity * count + 1, arity), scope, rng.integers(0, 2, scope.size, dtype=np.int32),
        np.arange(count, dtype=np.int32), np.ones(count), 0.3 * rng.normal(size=count),
    )  # fmt: skip
    return si.graphs.LogicalGraph(np.full(VARIABLES, 2), factors)


def sweep(target: Any, chains: int, steps: int) -> Any:
    """Draw every variable so many times in every chain."""
    kernel = si.graphs.Gibbs(sums=True)
    return si.run(kernel, target, steps, chains=chains, rng=0, threads=1, observer=si.observers.Nothing(), progress=False)


def main() -> None:
    """Measure and print."""
    for arity in (3, 6, 10, 30, 100):
        graph = rules(arity)
        runs = {"counters": partial(sweep, graph.as_target(), 64, SWEEPS * VARIABLES)}
        if arity <= 10:
            runs["tables"] = partial(sweep, graph.tabulated().as_target(), 64, SWEEPS * VARIABLES)
        found = best(runs, rounds=3)
        visited = 64 * SWEEPS * (LITERALS // arity) * arity
        line(f"implications of {arity} literals, 64 lanes, counters: ns per literal", 1e9 * found["counters"] / visited, "5")
        if "tables" in found:
            line(f"implications of {arity} literals, 64 lanes, tables / counters", found["tables"] / found["counters"], "1")


if __name__ == "__main__":
    main()
