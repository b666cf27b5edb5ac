"""How far the influence of an edge reaches into a sheet of spins that like to agree.

`python examples/ising.py` takes 20 x 20 spins of coupling 0.35; `--side 30 --coupling 0.42` others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import networkx as nx

import stochinf as si


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the chance of an upward spin by distance from the edge; return the exit code."""
    line = argparse.ArgumentParser(prog="ising.py", description="Marginals of an Ising model")
    line.add_argument("--side", type=int, default=20, help="spins along one side (20)")
    line.add_argument("--coupling", type=float, default=0.35, help="J of every edge (0.35)")
    line.add_argument("--draws", type=int, default=1000, help="sweeps of each of 64 chains (1000)")
    line.add_argument("--seed", type=int, default=0, help="the same seed gives the same bits (0)")
    options = line.parse_args(arguments)

    grid = nx.grid_2d_graph(options.side, options.side)
    nx.set_edge_attributes(grid, options.coupling, "J")
    held = {(0, column): 1 for column in range(options.side)}
    try:
        graph = si.FactorGraph.from_networkx(grid)
        result = si.marginals(graph, evidence=held, method="gibbs", draws=options.draws, rng=options.seed)
    except si.StochinfError as error:
        print(f"ising.py: {error}", file=sys.stderr)
        return 2

    middle = options.side // 2
    print(f"{graph}; row 0 is held at +1\n\nrow  p(+1) in the middle column")
    for row in range(0, options.side, max(1, options.side // 10)):
        up, error = result[row, middle][1], result.mcse[row, middle][1]
        print(f"{row:>3}  {up:.4f} +- {error:.4f}  {'#' * round(60 * (up - 0.5))}")
    print(f"\n{result.chains} chains x {result.sweeps:,} sweeps, worst R-hat {result.rhat.max():.3f}, seed {result.rng_entropy}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
