"""Which sites of a molecule touch, from aligned sequences alone: `python examples/alignment.py [FASTA] [--output map.png]`.

Without a file a family of RNA molecules is made up: a known fold, whose paired sites mutate together so that they still pair. A
Potts model of the sequences finds the pairs again; correlations alone would also name sites that are only joined through others.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import stochinf as si

FOLD = "((((((..((((....))))..(((((...)))))..))))))"
PAIRS = ("GC", "CG", "AU", "UA", "GU", "UG")
ODDS = (0.28, 0.28, 0.17, 0.17, 0.05, 0.05)


def paired(fold: str) -> list[tuple[int, int]]:
    """Return the sites that brackets join."""
    open_ones: list[int] = []
    found = []
    for site, mark in enumerate(fold):
        if mark == "(":
            open_ones.append(site)
        elif mark == ")":
            found.append((open_ones.pop(), site))
    return sorted(found)


def family(n: int, seed: int) -> list[str]:
    """Return made-up relatives: pairs that pair, now and then a mismatch, a deletion; loops with a favourite letter."""
    generator = np.random.default_rng(seed)
    letters = np.array(list("-ACGU"))
    favourites = generator.integers(1, 5, len(FOLD))
    wild = generator.integers(1, 5, (n, len(FOLD)))
    rows = np.where(generator.random(wild.shape) < 0.6, favourites, wild)
    choices = np.array([["-ACGU".index(letter) for letter in pair] for pair in PAIRS])
    for first, second in paired(FOLD):
        rows[:, [first, second]] = choices[generator.choice(len(PAIRS), n, p=ODDS)]
    rows = np.where(generator.random(rows.shape) < 0.04, generator.integers(0, 5, rows.shape), rows)
    return ["".join(row) for row in letters[rows]]


def draw(learnt: Any, known: list[tuple[int, int]], output: Path) -> None:
    """Draw the scores, and above the diagonal the known pairs."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.6, 5.0), layout="constrained")
    scores = learnt.scores
    image = axes.imshow(scores, cmap="Greys", vmin=0.0, vmax=float(np.quantile(scores, 0.999)), interpolation="nearest")
    if known:
        axes.scatter(
            [j for _, j in known], [i for i, _ in known], s=22, facecolors="none", edgecolors="tab:red", label="known pair"
        )
        axes.legend(loc="upper left")
    axes.set_xlabel("site")
    axes.set_ylabel("site")
    figure.colorbar(image, label="contact score")
    figure.savefig(output, dpi=110)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> int:
    line = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    line.add_argument("fasta", nargs="?", type=Path)
    line.add_argument("--method", default="pcd", choices=("pcd", "pseudo-likelihood", "mean-field"))
    line.add_argument("--output", type=Path, metavar="PICTURE", help="such as map.png; needs matplotlib")
    options = line.parse_args(arguments)
    known = [] if options.fasta else paired(FOLD)
    try:
        rows = si.learning.read_alignment(options.fasta) if options.fasta else family(1000, 0)
        began = time.perf_counter()
        learnt = si.learn_potts(rows, options.method, rng=0)
    except si.StochinfError as wrong:
        print(f"alignment.py: {wrong}", file=sys.stderr)
        return 2
    print(f"{learnt} in {time.perf_counter() - began:.1f} s; {learnt.n_effective:.0f} sequences that count")
    found = learnt.contacts(len(known) or 10)
    for i, j, score in found[:5]:
        print(f"sites {i:3} and {j:3}: {score:.2f}")
    if known:
        right = len({(i, j) for i, j, _ in found} & set(known))
        print(f"known pairs among the {len(known)} that score highest: {right}")
    agreement = learnt.agreement(sweeps=100, rng=1)
    print(f"connected shares of pairs, fresh draws against data: Pearson correlation {agreement['pearson']:.3f}")
    if options.output:
        draw(learnt, known, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
