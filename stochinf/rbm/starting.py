r"""Weights along the principal components of the data.

Hidden unit j starts with :math:`W_{\cdot j} = s\, u_j / \lVert u_j \rVert_\infty`, :math:`u_j` the j-th principal component
and s = 0.1, with turning signs where there are more hidden units than components, beside noise N(0, 0.01^2); its
bias keeps a tenth of the units on at the mean row.

References
----------
Decelle, A., Fissore, G. and Furtlehner, C. (2017). Spectral dynamics of learning in restricted Boltzmann machines. EPL 119,
section 2: learning begins along the principal components.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.streams import Streams
from stochinf.rbm.contrastive import WEIGHT_SCALE, first_scale, quiet, starting_parameters
from stochinf.rbm.parameters import joined, unpacked

__all__ = ["factors_of"]

SCALE = 0.1
MOST_ROWS = 5000


def factors_of(init: Any, kernel: Any, target: Any, entropy: int) -> npt.NDArray[np.float32]:
    """Return starting parameters along the principal components.

    Raises
    ------
    StochinfError
        If `init` is no start that is known.
    """
    if init != "pca":
        raise StochinfError(f"init = {init!r}: 'random' or 'pca' is needed")
    generator = Streams(entropy, 0, 1).generator()
    means = target.visible_means()
    start = starting_parameters(kernel, target, means, generator)
    weights, visible_bias, _, log_precision = unpacked(start, target.n_visible)
    weights *= np.float32(WEIGHT_SCALE / first_scale(kernel, target.n_visible))
    rows = watched(target, generator) - means
    components = np.linalg.svd(rows, full_matrices=False)[2]
    n_hidden = weights.shape[1]
    for j in range(n_hidden):
        component = components[j % len(components)]
        sign = -1.0 if (j // len(components)) % 2 else 1.0
        weights[:, j] += (sign * SCALE / max(float(np.abs(component).max()), 1e-12) * component).astype(np.float32)
    return joined(weights, visible_bias, quiet(kernel.hidden) - means @ weights, log_precision)


def watched(target: Any, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return some rows, dense; of rows that are drawn their means."""
    target = getattr(target, "rows", target)
    chosen = generator.permutation(target.n_points)[:MOST_ROWS]
    matrix = target.matrix()[chosen].toarray() if hasattr(target, "matrix") else target.values[chosen]
    rows: npt.NDArray[np.float64] = np.asarray(matrix, dtype=np.float64)
    return rows
