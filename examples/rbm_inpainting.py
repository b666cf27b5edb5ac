"""Fill in the lower half of digits, and dream up new ones: `python examples/rbm_inpainting.py [--output picture.png]`.

A restricted Boltzmann machine learns scikit-learn's 8x8 digits, thresholded. The lower half of digits that it has not seen is
then hidden, and filled in by the conditional mean given the upper half; a guess that knows nothing of the upper half is the mean
of all digits.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import stochinf as si


def wrong(truth: Any, chance: Any) -> float:
    """Return the share of pixels that are on the wrong side of one half."""
    return float(((chance > 0.5) != (truth > 0.5)).mean())


def learnt(train: Any, passes: int) -> Any:
    steps = passes * -(-len(train) // 20)
    rate = 0.1 * si.schedules.Linear(steps)
    return si.RBM(64, algorithm="pcd", n_iter=passes, batch_size=20, learning_rate=rate, random_state=0, progress=False).fit(
        train
    )


def drawn(rbm: Any, rows: Any, filled: Any, path: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    from stochinf.rbm import plot_filters, plot_samples

    _, axes = plt.subplots(1, 3, figsize=(12, 4))
    plot_filters(rbm, (8, 8), ax=axes[0])
    plot_samples(rbm.sample(64, rng=0), (8, 8), ax=axes[1]).set_title("draws")
    plot_samples(np.stack([rows[:32], filled[:32]], axis=1).reshape(-1, 64), (8, 8), ax=axes[2]).set_title("digits, filled in")
    plt.savefig(path)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=60)
    parser.add_argument("--output", help="a picture of filters, draws and digits filled in")
    asked = parser.parse_args(words)
    X = (load_digits().data > 7).astype(np.float32)
    train, test = train_test_split(X, test_size=0.2, random_state=0)
    rbm = learnt(train, asked.passes)

    hidden = np.arange(64) >= 32
    rows = np.where(hidden, np.nan, test)
    filled = rbm.impute(rows, draws=100, warmup=100, rng=0)
    guess = np.broadcast_to(train.mean(axis=0), test.shape)
    print(
        f"lower halves of {len(test)} digits, wrong pixels: {wrong(test[:, hidden], guess[:, hidden]):.3f} by the mean of all,",
        end=" ",
    )
    print(f"{wrong(test[:, hidden], filled[:, hidden]):.3f} given the upper half")

    z = rbm.log_partition("ais", temperatures=1000, rng=0)
    answer = rbm.log_likelihood(test, partition=z)
    print(f"log likelihood of a digit: {answer.value:.2f} +- {answer.mcse:.2f} nats ({answer.binarisation}); ", end="")
    means = np.clip(train.mean(axis=0), 1e-3, 1 - 1e-3)
    print(f"{float((test * np.log(means) + (1 - test) * np.log(1 - means)).sum(axis=1).mean()):.2f} with independent pixels")
    print(f"ESS {z.ess:.0f} of 100, from the other end {z.reverse - z.value:+.2f} nats")
    if asked.output:
        drawn(rbm, test, filled, asked.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
