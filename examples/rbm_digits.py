"""Learn features of handwritten digits without labels, then classify: `python examples/rbm_digits.py`.

The digits are scikit-learn's, 8x8 pixels, and each is seen shifted by a pixel in four directions as well: a linear
classifier of raw pixels finds that hard. A restricted Boltzmann machine is trained on the pixels alone.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy.ndimage import shift
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import stochinf as si

SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))


def shifted_digits() -> tuple[Any, Any]:
    """Return 8985 images with values from 0 to 1, and their digits."""
    images, digits = load_digits().images / 16.0, load_digits().target
    moved = [shift(images, (0, *by), order=0) for by in SHIFTS]
    return np.concatenate(moved).reshape(-1, 64), np.tile(digits, len(SHIFTS))


def accuracy(train: Any, labels: Any, test: Any, truth: Any) -> float:
    """Return how often logistic regression is right."""
    classifier = LogisticRegression(C=10.0, solver="newton-cg", tol=0.003)
    return float(classifier.fit(train, labels).score(test, truth))


def main() -> None:
    X, y = shifted_digits()
    train, test, labels, truth = train_test_split(X, y, test_size=0.2, random_state=0)
    black_and_white = (test > 0.5).astype(float)

    rbm = si.RBM(100, batch_size=20, random_state=0)
    before = rbm.set_params(n_iter=1, learning_rate=1e-9).fit(train).score(black_and_white)
    began = time.perf_counter()
    rbm.set_params(n_iter=20, learning_rate=None).fit(train)
    took = time.perf_counter() - began
    after = rbm.score(black_and_white)

    print(f"{len(train)} images, 100 hidden units, {rbm.n_iter_} passes of PCD-1 in {took:.1f} s")
    print(f"pseudo-log-likelihood of a test image: {before:.2f} before, {after:.2f} after")
    print(f"accuracy of logistic regression: {accuracy(train, labels, test, truth):.3f} on pixels,", end=" ")
    print(f"{accuracy(rbm.transform(train), labels, rbm.transform(test), truth):.3f} on the machine's features")


if __name__ == "__main__":
    main()
