"""Split a graph in two so that as many edges as possible run between the halves.

Max-cut is the most probable state of a model of spins that dislike their neighbours. Three graphs: the karate club of Zachary
(1977), weighted; a random graph of 80 nodes; and one of 800 nodes and 19176 edges, made like G1 of the Gset collection.
Beside the cut found here stand those of networkx, one exchange after the other and random halves. For large random graphs of
average degree d a largest cut has about n (d / 4 + 0.7632 sqrt(d / 4)) edges (Dembo, Montanari and Sen 2017).

`python examples/max_cut.py --output cut.png` draws the club and the cuts; `--time 10` searches longer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from networkx.algorithms.approximation import one_exchange, randomized_partitioning

import stochinf as si

HALVES = 100
SMALL = 40_000
"""Nodes times edges up to which networkx's exchanges, which count all edges again for every node, are quick."""


def graphs(seed: int) -> dict[str, Any]:
    """Return the graphs by name."""
    return {
        "karate club": nx.karate_club_graph(),
        "random, 80 nodes": nx.gnm_random_graph(80, 400, seed=seed),
        "random, 800 nodes": nx.gnm_random_graph(800, 19176, seed=seed),
    }


def random_halves(graph: Any, seed: int) -> list[float]:
    """Return the cuts of random halves by networkx."""
    return [float(randomized_partitioning(graph, seed=seed + k, p=0.5, weight="weight")[0]) for k in range(HALVES)]


def exchanged(graph: Any, seed: int) -> float:
    """Return the cut that networkx finds by single exchanges, NaN where that takes too long."""
    quick = graph.number_of_nodes() * graph.number_of_edges() <= SMALL
    return float(one_exchange(graph, seed=seed, weight="weight")[0]) if quick else float("nan")


def predicted(graph: Any) -> float:
    """Return what a largest cut of a large random graph of this density has."""
    quarter = graph.number_of_edges() / (2.0 * graph.number_of_nodes())
    return float(graph.number_of_nodes() * (quarter + 0.7632 * np.sqrt(quarter)))


def draw(club: Any, sides: Any, halves: list[float], cut: float, expected: float, output: Path) -> None:
    """Draw the club in its two halves, and the cuts of the largest graph."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11.0, 4.8), layout="constrained")
    place = nx.kamada_kawai_layout(club, weight=None)
    across = [edge for edge in club.edges if sides[edge[0]] != sides[edge[1]]]
    within = [edge for edge in club.edges if sides[edge[0]] == sides[edge[1]]]
    nx.draw_networkx_edges(club, place, across, ax=left, edge_color="tab:green", width=1.2)
    nx.draw_networkx_edges(club, place, within, ax=left, edge_color="lightgrey", style="dashed")
    nx.draw_networkx_nodes(
        club, place, ax=left, node_size=160, node_color=["tab:blue" if sides[node] else "tab:orange" for node in club]
    )
    nx.draw_networkx_labels(club, place, ax=left, font_size=7, font_color="white")
    left.set_title("karate club: edges of the cut in green, others dashed", fontsize=10)
    left.set_axis_off()
    right.hist(halves, bins=15, color="lightgrey", label=f"{HALVES} random halves (networkx)")
    right.axvline(cut, color="tab:blue", label=f"found here: {cut:,.0f}")
    right.axvline(expected, color="black", linestyle=":", label=f"predicted for large graphs: {expected:,.0f}")
    right.set(xlabel="edges in the cut", ylabel="how often", title="random graph, 800 nodes, 19,176 edges")
    right.title.set_fontsize(10)
    right.legend(loc="upper center", fontsize=8)
    figure.savefig(output, dpi=120)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the cuts, draw them where a picture is asked for; return the exit code."""
    line = argparse.ArgumentParser(prog="max_cut.py", description="The largest cut of a graph")
    line.add_argument("--time", type=float, default=2.0, help="seconds for each graph that is too wide to be exact (2)")
    line.add_argument("--seed", type=int, default=0, help="the same seed makes the same graphs (0)")
    line.add_argument("--output", type=Path, metavar="PICTURE", help="such as cut.png; needs matplotlib")
    options = line.parse_args(arguments)
    rows = []
    try:
        for name, graph in graphs(options.seed).items():
            model = si.graphs.max_cut(graph)
            best = si.map_state(model, time=options.time, rng=options.seed, progress=False)
            rows.append((name, graph, best, model.cut_value(best.state), random_halves(graph, options.seed)))
    except si.StochinfError as error:
        print(f"max_cut.py: {error}", file=sys.stderr)
        return 2

    print(f"{'':<20}{'cut':>8}  {'':<10}{'one exchange':>14}{f'best of {HALVES} halves':>20}{'of all edges':>14}")
    for name, graph, best, cut, halves in rows:
        other, total = exchanged(graph, options.seed), graph.size(weight="weight")
        shown = "too slow" if np.isnan(other) else f"{other:,.0f}"
        print(f"{name:<20}{cut:>8,.0f}  {best.status:<10}{shown:>14}{max(halves):>20,.0f}{total:>14,.0f}")
    name, graph, best, cut, halves = rows[-1]
    print(f"\n{name}: about {predicted(graph):,.0f} is predicted for large graphs; {best.method}, {best.seconds:.1f} s")
    if options.output is not None:
        draw(rows[0][1], rows[0][2].state, halves, cut, predicted(graph), options.output)
        print(f"{options.output}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
