"""The Ising model's phase transition, sampled, against Onsager's exact magnetisation.

Spins on a square lattice that wraps around, p(s) in proportion to exp(sum of s_i s_j over edges / T). Below T_c = 2 / log(1 +
sqrt 2) = 2.2692 an infinite lattice magnetises itself, |m| = (1 - sinh(2 / T)^-4)^(1/8) (Onsager 1949; Yang 1952); above, not
at all. Small lattices round the corner off. Near T_c single spins turn hopelessly slowly, so whole clusters are turned
(Swendsen and Wang 1987).

`python examples/phase_transition.py --output transition.png` draws the curves; `--sizes 16 32 64 --draws 200` asks for more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

import stochinf as si
from stochinf.graphs.clusters import SwendsenWang

CRITICAL = 2.0 / np.log(1.0 + np.sqrt(2.0))
TEMPERATURES = (1.6, 1.8, 2.0, 2.1, 2.15, 2.2, 2.24, 2.27, 2.3, 2.35, 2.4, 2.5, 2.65, 2.8, 3.0)
CHAINS = 16


def onsager(temperature: float) -> float:
    """Return the magnetisation of the infinite lattice."""
    return float((1.0 - np.sinh(2.0 / temperature) ** -4) ** 0.125) if temperature < CRITICAL else 0.0


def torus(side: int) -> Any:
    """Return the factor graph of a square lattice that wraps around, every coupling 1."""
    lattice = nx.grid_2d_graph(side, side, periodic=True)
    nx.set_edge_attributes(lattice, 1.0, "J")
    return si.FactorGraph.from_networkx(lattice)


def magnetisation(graph: Any, temperature: float, draws: int, seed: int) -> tuple[float, float]:
    """Return the mean of |m| and its standard error, from chains that start with all spins up."""
    kernel = SwendsenWang(inverse_temperature=1.0 / temperature)
    up = np.ones(graph.n_variables, np.int8)
    run = si.run(kernel, graph, steps=2 * draws, thin=2, warmup=draws, chains=CHAINS, init=up, rng=seed, progress=False)
    by_chain = np.abs(run["state"].mean(axis=2)).mean(axis=1)
    return float(by_chain.mean()), float(by_chain.std(ddof=1) / np.sqrt(CHAINS))


def draw(curves: dict[int, list[tuple[float, float]]], output: Path) -> None:
    """Draw the exact curve and the sampled points."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.0, 4.6), layout="constrained")
    fine = np.linspace(1.5, 3.1, 2000)
    axes.plot(fine, [onsager(t) for t in fine], color="black", label="infinite lattice, exact")
    axes.axvline(CRITICAL, color="grey", linewidth=0.8, linestyle=":")
    axes.text(CRITICAL + 0.01, 0.97, "critical temperature", color="grey")
    for side, points in curves.items():
        mean, error = np.array(points).T
        axes.errorbar(TEMPERATURES, mean, 2.0 * error, fmt="o", markersize=4, capsize=2, label=f"{side} x {side}, sampled")
    axes.set(xlabel="temperature T (coupling 1)", ylabel="magnetisation |m| per spin", xlim=(1.5, 3.1), ylim=(0.0, 1.05))
    axes.legend(loc="lower left", frameon=False)
    figure.savefig(output, dpi=130)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table, draw a picture where one is asked for; return the exit code."""
    line = argparse.ArgumentParser(prog="phase_transition.py", description="Ising model: magnetisation against temperature")
    line.add_argument("--sizes", type=int, nargs="+", default=[8, 16, 32], help="spins along one side (8 16 32)")
    line.add_argument("--draws", type=int, default=100, help=f"of each of {CHAINS} chains at each temperature (100)")
    line.add_argument("--seed", type=int, default=0, help="the same seed gives the same bits (0)")
    line.add_argument("--output", type=Path, metavar="PICTURE", help="such as transition.png; needs matplotlib")
    options = line.parse_args(arguments)
    try:
        lattices = {side: torus(side) for side in options.sizes}
        curves = {
            side: [magnetisation(graph, t, options.draws, options.seed + k) for k, t in enumerate(TEMPERATURES)]
            for side, graph in lattices.items()
        }
    except si.StochinfError as error:
        print(f"phase_transition.py: {error}", file=sys.stderr)
        return 2

    print(f"{'T':>5}  {'infinite':>8}  " + "  ".join(f"{f'{side} x {side}':>17}" for side in curves))
    for row, t in enumerate(TEMPERATURES):
        cells = "  ".join(f"{points[row][0]:.4f} +- {points[row][1]:.4f}" for points in curves.values())
        print(f"{t:>5}  {onsager(t):>8.4f}  {cells}")
    if options.output is not None:
        draw(curves, options.output)
        print(f"\n{options.output}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
