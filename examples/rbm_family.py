"""What varies together in a family of proteins: `python examples/rbm_family.py [FASTA] [--output picture.png]`.

A restricted Boltzmann machine whose visible units are the sites of aligned sequences, Potts units of 21 states: amino acids and a
gap. Without a file a family is made up: letters that a site likes, and three choices that several sites make together, a salt
bridge, a core that packs one way or the other, and a loop that binds one partner or another. Each should have a hidden unit of
its own, and draws of the machine should vary together as relatives do that it has not seen.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import stochinf as si

LETTERS = "-ACDEFGHIKLMNPQRSTVWY"
STATES = len(LETTERS)
LENGTH = 24
CHOICES = (((3, 17), "KE", "ED"), ((5, 14, 20), "LAV", "AFG"), ((8, 9, 11), "RKH", "WYP"))
"""Sites, and the letters they have together, one way or the other."""


def family(n: int, seed: int) -> list[str]:
    """Return made-up relatives: letters that a site likes, three choices, now and then any letter."""
    chance = np.random.default_rng(seed)
    liked = np.random.default_rng(7).dirichlet(np.full(STATES, 0.15), LENGTH).cumsum(axis=1)
    rows = (chance.random((n, LENGTH, 1)) > liked).sum(axis=2).clip(0, STATES - 1)
    for sites, one, other in CHOICES:
        ways = np.array([[LETTERS.index(letter) for letter in way] for way in (one, other)])
        rows[:, sites] = ways[chance.integers(0, 2, n)]
    rows = np.where(chance.random(rows.shape) < 0.08, chance.integers(0, STATES, rows.shape), rows)
    return ["".join(LETTERS[state] for state in row) for row in rows]


def columns_of(sequences: list[str]) -> Any:
    """Return sequences as columns of zeros and ones, 21 a site; letters that are no amino acid count as gaps."""
    states = [[max(LETTERS.find(letter), 0) for letter in sequence] for sequence in sequences]
    return si.rbm.one_hot(np.array(states), STATES)


def covariances(rows: Any) -> Any:
    """Return covariances between states of different sites: what no model of single sites has."""
    both = np.cov(rows.T)
    sites = np.arange(rows.shape[1]) // STATES
    return both[sites[:, None] < sites]


def strongest(rbm: Any) -> list[tuple[int, list[int]]]:
    """Return hidden units, those of the longest weights first, each with the sites that have half of its largest weights."""
    lengths = np.linalg.norm(rbm.weights_.reshape(len(rbm.weights_), -1, STATES), axis=2)
    order = np.argsort(-np.linalg.norm(lengths, axis=1))
    return [(int(unit), np.flatnonzero(lengths[unit] > 0.5 * lengths[unit].max()).tolist()) for unit in order]


def told(weights: Any, sites: list[int]) -> str:
    """Return the letters for and against at some sites."""
    table = weights.reshape(-1, STATES)
    return ", ".join(f"{site}: {LETTERS[table[site].argmax()]} or {LETTERS[table[site].argmin()]}" for site in sites[:6])


def draw(rbm: Any, units: list[tuple[int, list[int]]], output: Path) -> None:
    """Draw the weights of the strongest hidden units, letters by sites."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    tables = [rbm.weights_[unit].reshape(-1, STATES).T for unit, _ in units[:3]]
    largest = max(float(np.abs(table).max()) for table in tables)
    figure, axes = plt.subplots(1, len(tables), figsize=(4.4 * len(tables), 4.4), layout="constrained", squeeze=False)
    for axis, table, (unit, _) in zip(axes[0], tables, units, strict=False):
        image = axis.imshow(table, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto", interpolation="nearest")
        axis.set_yticks(range(STATES), LETTERS, fontsize=7)
        axis.set_xlabel("site")
        axis.set_title(f"hidden unit {unit}")
    figure.colorbar(image, ax=axes[0], label="weight")
    figure.savefig(output, dpi=100)
    plt.close(figure)


def learnt(train: Any, hidden: int, passes: int) -> Any:
    rate = 0.2 * si.schedules.Linear(passes * -(-len(train) // 50))
    return si.RBM(
        hidden, units=(si.rbm.Softmax(STATES), "bernoulli"), n_iter=passes, batch_size=50, init="pca", l1=0.003,
        learning_rate=rate, random_state=0, progress=False,
    ).fit(train)  # fmt: skip


def compared(rbm: Any, train: Any, test: Any) -> None:
    """Print how draws agree with unseen sequences, and whether these are told from shuffled ones."""
    unseen = covariances(test)
    drawn, seen = (np.corrcoef(unseen, covariances(rows))[0, 1] for rows in (rbm.sample(2000, rng=1), train))
    print(f"covariances of draws against unseen sequences: Pearson correlation {drawn:.3f} (of the training half: {seen:.3f})")
    states = test.reshape(len(test), -1, STATES).argmax(axis=2)
    shuffled = si.rbm.one_hot(np.random.default_rng(2).permuted(states, axis=0), STATES)
    right = float((rbm.free_energy(shuffled) > rbm.free_energy(test)).mean())
    print(f"an unseen sequence is more probable than one with every column shuffled: {right:.3f} of the time")


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fasta", nargs="?", type=Path)
    parser.add_argument("--hidden", type=int, default=10)
    parser.add_argument("--passes", type=int, default=60)
    parser.add_argument("--output", type=Path, metavar="PICTURE", help="weights by letter and site; needs matplotlib")
    asked = parser.parse_args(words)
    try:
        X = columns_of(si.learning.read_alignment(asked.fasta) if asked.fasta else family(3000, 0))
        train, test = X[::2], X[1::2]
        began = time.perf_counter()
        rbm = learnt(train, asked.hidden, asked.passes)
    except (si.StochinfError, OSError) as wrong:
        print(f"rbm_family.py: {wrong}", file=sys.stderr)
        return 2
    took = time.perf_counter() - began
    print(f"{len(train)} sequences of {X.shape[1] // STATES} sites, {asked.hidden} hidden units: {took:.1f} s")
    units = strongest(rbm)
    for unit, sites in units[:3]:
        print(f"hidden unit {unit} sees sites {told(rbm.weights_[unit], sites)}")
    if not asked.fasta:
        found = sum(any(set(sites) == set(choice) for _, sites in units) for choice, _, _ in CHOICES)
        print(f"choices made together that have a hidden unit of their own: {found} of {len(CHOICES)}")
    compared(rbm, train, test)
    if asked.output:
        draw(rbm, units, asked.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
