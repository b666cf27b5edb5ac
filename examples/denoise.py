"""Restore a black and white picture of which many pixels were flipped.

The picture is a grid of spins. Each pixel leans towards what was seen, by log((1 - f) / f) / 2 where f is the share of
flipped pixels, and neighbours like to agree, with coupling J (Geman and Geman 1984; Besag 1986). Two restorations are
compared: the state that is most probable as a whole, and for each pixel its own more probable colour, from its marginal by
Gibbs sampling, which makes the fewest wrong pixels on average and says where it is unsure.

`python examples/denoise.py --output denoise.png` draws the pictures; `--flipped 0.3` and `--coupling 0.8` are other settings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt

import stochinf as si

Picture = npt.NDArray[np.int8]


def scene(height: int, width: int) -> Picture:
    """Return a picture in -1 (black) and +1 (white): hills, water with the moon's reflection, a house."""
    y, x = np.mgrid[0:height, 0:width]
    y, x = (y + 0.5) / height, (x + 0.5) / width
    hills = 0.47 - 0.16 * np.sin(6.0 * x + 0.5) - 0.05 * np.sin(23.0 * x)
    white = (y > hills) & (y < 0.72)
    white |= (x - 0.72) ** 2 * (width / height) ** 2 + (y - 0.16) ** 2 < 0.10**2
    white |= (y > 0.72) & (np.abs(x - 0.72) < 0.03 + 0.25 * (y - 0.72)) & (np.sin(70.0 * y) > 0)
    house = (np.abs(x - 0.22) < 0.09) & (y > 0.5) & (y < 0.72)
    roof = (y > 0.40) & (y <= 0.5) & (np.abs(x - 0.22) < (y - 0.40) * 1.1)
    window = (np.abs(np.abs(x - 0.22) - 0.045) < 0.018) & (np.abs(y - 0.58) < 0.035)
    return np.where((white & ~house & ~roof) | window, 1, -1).astype(np.int8)


def model(seen: Picture, flipped: float, coupling: float) -> Any:
    """Return the factor graph of the picture behind the one that was seen."""
    grid = nx.grid_2d_graph(*seen.shape)
    lean = 0.5 * np.log((1.0 - flipped) / flipped)
    nx.set_node_attributes(grid, {node: lean * float(seen[node]) for node in grid}, "h")
    nx.set_edge_attributes(grid, coupling, "J")
    return si.FactorGraph.from_networkx(grid)


def restored(graph: Any, shape: tuple[int, int], draws: int, seconds: float, seed: int) -> tuple[Any, Any, Any]:
    """Return the marginal probabilities of white, their standard errors, and the most probable picture found."""
    result = si.marginals(graph, method="gibbs", chains=32, draws=draws, warmup=draws // 4, rng=seed, progress=False)
    best = si.map_state(graph, time=seconds, rng=seed, progress=False)
    white = np.empty(shape)
    error = np.empty(shape)
    picture = np.empty(shape, np.int8)
    for node in graph.variables:
        white[node], error[node], picture[node] = result[node][1], result.mcse[node][1], best.state[node]
    return white, error, (picture, best)


def draw(pictures: dict[str, Any], output: Path) -> None:
    """Draw the pictures side by side."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(11.0, 5.6), layout="constrained")
    for place, (title, picture) in zip(axes.flat, pictures.items(), strict=True):
        place.imshow(picture, cmap="gray", interpolation="nearest")
        place.set_title(title, fontsize=10)
        place.set_axis_off()
    figure.savefig(output, dpi=110)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print error rates, draw pictures where asked for; return the exit code."""
    line = argparse.ArgumentParser(prog="denoise.py", description="Restoration of a noisy picture")
    line.add_argument("--size", type=int, nargs=2, default=(90, 130), metavar=("HEIGHT", "WIDTH"), help="in pixels (90 130)")
    line.add_argument("--flipped", type=float, default=0.2, help="share of flipped pixels (0.2)")
    line.add_argument("--coupling", type=float, default=0.65, help="J of neighbours (0.65)")
    line.add_argument("--draws", type=int, default=200, help="sweeps of each of 32 chains (200)")
    line.add_argument("--time", type=float, default=2.0, help="seconds that the search for the most probable picture takes (2)")
    line.add_argument("--seed", type=int, default=0, help="the same seed gives the same bits (0)")
    line.add_argument("--output", type=Path, metavar="PICTURE", help="such as denoise.png; needs matplotlib")
    options = line.parse_args(arguments)
    if not (0.0 < options.flipped < 0.5 and min(options.size) >= 2):
        print("denoise.py: --flipped is needed between 0 and 0.5, and --size of at least 2 2", file=sys.stderr)
        return 2

    truth = scene(*options.size)
    flip = np.random.default_rng(options.seed).random(truth.shape) < options.flipped
    seen = np.where(flip, -truth, truth)
    try:
        graph = model(seen, options.flipped, options.coupling)
        white, error, (picture, best) = restored(graph, truth.shape, options.draws, options.time, options.seed)
    except si.StochinfError as wrong:
        print(f"denoise.py: {wrong}", file=sys.stderr)
        return 2

    by_pixel = np.where(white > 0.5, 1, -1)
    print(f"{graph}; wrong pixels:")
    for name, answer in (("as seen", seen), ("most probable picture", picture), ("more probable colour of each pixel", by_pixel)):
        print(f"  {name:<36}{np.mean(answer != truth):.4f}")
    unsure = np.minimum(white, 1.0 - white)
    print(f"  expected for the last, from marginals {unsure.mean():>6.4f}   (largest standard error {error.max():.3f})")
    print(
        f"log score of the most probable picture {best.log_score:.3f} ({best.status}), of the last {score(graph, by_pixel):.3f}"
    )
    if options.output is not None:
        pictures = {
            "the picture": truth,
            f"seen: {options.flipped:.0%} of the pixels flipped": seen,
            f"most probable picture: {np.mean(picture != truth):.2%} wrong": picture,
            "probability of white": white,
            f"more probable colour: {np.mean(by_pixel != truth):.2%} wrong": by_pixel,
            "where it is unsure (white)": unsure,
        }
        draw(pictures, options.output)
        print(f"{options.output}: written")
    return 0


def score(graph: Any, picture: Picture) -> float:
    """Return the log score of a picture."""
    return float(graph.log_score({node: int(picture[node]) for node in graph.variables}))


if __name__ == "__main__":
    sys.exit(main())
