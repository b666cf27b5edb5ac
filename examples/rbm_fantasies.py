"""What a machine dreams of that has seen digits, and its filters: `python examples/rbm_fantasies.py [--output picture.png]`.

The digits are scikit-learn's, 8x8 pixels, thresholded. Where the environment variable STOCHINF_RBM_DATA names a folder with
`mnist/mnist_bin127_packbits.npz`, they are MNIST's, 28x28, which takes minutes. Fantasies are draws of chains of the trained
machine, many steps away from a start that knows nothing of digits; the picture shows the chances of their pixels. Real digits say
what they look like: fantasies should lie nearly as close to them as digits that the machine has not seen, and pixels drawn one by
one much further away.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

import stochinf as si


def pictures() -> tuple[Any, Any]:
    """Return rows of black and white pixels, and which digits they are."""
    folder = os.environ.get("STOCHINF_RBM_DATA")
    path = Path(folder or "") / "mnist" / "mnist_bin127_packbits.npz"
    if folder and path.is_file():
        packed = np.load(path)
        return np.unpackbits(packed["train"], axis=1).astype(np.float32), packed["train_labels"]
    X, y = load_digits(return_X_y=True)
    return (X > 7).astype(np.float32), y


def learnt(X: Any, hidden: int, passes: int) -> Any:
    batch = 20 if len(X) < 5000 else 100
    rate = 0.1 * si.schedules.Linear(passes * -(-len(X) // batch))
    machine = si.RBM(hidden, n_iter=passes, batch_size=batch, learning_rate=rate, random_state=0, progress=False)
    return machine.fit(X)


def described(what: str, rows: Any, X: Any, y: Any) -> None:
    """Print how near rows are to real digits, and how often each digit is seen."""
    classifier = KNeighborsClassifier(5).fit(X, y)
    agreed = classifier.predict_proba(rows).max(axis=1) == 1.0
    away = classifier.kneighbors(rows, 1)[0][:, 0] ** 2
    counts = np.bincount(classifier.predict(rows), minlength=10)
    print(f"{what}: the five nearest digits agree {agreed.mean():.3f}, pixels away {np.median(away):.1f},", end=" ")
    print(f"seen as 0 to 9: {' '.join(map(str, counts))}")


def draw(rbm: Any, rows: Any, chances: Any, output: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    side = int(np.sqrt(rows.shape[1]))
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
    si.rbm.plot_samples(rows[:100], (side, side), ax=axes[0]).set_title("digits")
    si.rbm.plot_samples(chances[:100], (side, side), ax=axes[1]).set_title("fantasies")
    si.rbm.plot_filters(rbm, (side, side), 100, ax=axes[2])
    figure.savefig(output, dpi=100)
    plt.close(figure)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=100)
    parser.add_argument("--passes", type=int, default=60)
    parser.add_argument("--output", type=Path, metavar="PICTURE", help="digits, fantasies and filters; needs matplotlib")
    asked = parser.parse_args(words)
    X, y = pictures()
    unseen, rest = np.split(np.random.default_rng(0).permutation(len(X)), [500])
    known = rest[:10_000]
    try:
        rbm = learnt(X[rest], asked.hidden, asked.passes)
    except si.StochinfError as wrong:
        print(f"rbm_fantasies.py: {wrong}", file=sys.stderr)
        return 2

    fantasies = rbm.sample(500, warmup=2000, thin=100, rng=0)
    pixels = (np.random.default_rng(1).random((500, X.shape[1])) < X.mean(axis=0)).astype(np.float32)
    for what, some in (("unseen digits", X[unseen]), ("fantasies", fantasies), ("pixels one by one", pixels)):
        described(what, some, X[known], y[known])
    if asked.output:
        draw(rbm, X[unseen], rbm.reconstruct(fantasies), asked.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
