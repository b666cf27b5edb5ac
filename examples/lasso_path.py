"""The path of the Lasso: how coefficients enter as the penalty falls, each point with its certificate."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

import stochinf as si


def main() -> None:
    """Print when each feature of the diabetes data enters; draw the path if a file is named."""
    data = load_diabetes()
    X = StandardScaler().fit_transform(data.data)
    path = si.lasso_path(X, data.target, points=60, ratio=1e-3, intercept=True)
    for j, name in sorted(enumerate(data.feature_names), key=lambda item: np.argmax(path.coefficients[:, item[0]] != 0)):
        alpha = path.alphas[np.argmax(path.coefficients[:, j] != 0)]
        print(f"{name:4} enters at alpha = {alpha:7.3f}; its last coefficient is {path.coefficients[-1, j]:8.2f}")
    print(f"largest gap along the path: {path.gaps.max():.2g}, of an objective of {path.objectives[0]:.0f} at its beginning")
    if len(sys.argv) > 1:
        draw(path, data.feature_names, sys.argv[1])


def draw(path: Any, names: list[str], file: str) -> None:
    """Draw coefficients against the strength of the penalty."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(layout="constrained")
    for j, name in enumerate(names):
        axes.plot(path.alphas, path.coefficients[:, j], label=name)
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_xlabel("alpha")
    axes.set_ylabel("coefficient")
    axes.legend(ncols=2)
    figure.savefig(file)


if __name__ == "__main__":
    main()
