r"""The parameters of a restricted Boltzmann machine as one vector: weights, visible biases, hidden biases.

With visible units :math:`v \in \{0, 1\}^D` and hidden units :math:`h \in \{0, 1\}^H` the model is

.. math:: p(v, h) \propto \exp(v^\top W h + b^\top v + c^\top h).

The vector holds :math:`W` row by row (a row per visible unit), then :math:`b`, then :math:`c`: one array, so that a saved
run holds each number once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError

__all__ = ["Parameters", "joined", "n_parameters", "unpacked"]


class Parameters(NamedTuple):
    """Parameters by name; leading axes, such as chain and draw, are kept.

    Attributes
    ----------
    weights : ndarray of shape (..., n_visible, n_hidden)
    visible_bias : ndarray of shape (..., n_visible)
    hidden_bias : ndarray of shape (..., n_hidden)
    """

    weights: npt.NDArray[Any]
    visible_bias: npt.NDArray[Any]
    hidden_bias: npt.NDArray[Any]


def n_parameters(n_visible: int, n_hidden: int) -> int:
    """Return the length of the vector."""
    return n_visible * n_hidden + n_visible + n_hidden


def unpacked(position: npt.NDArray[Any], n_visible: int) -> Parameters:
    """Return the parts of vectors of shape (..., n_parameters).

    Raises
    ------
    StochinfError
        If no number of hidden units gives vectors of this length.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.rbm.parameters import unpacked
    >>> unpacked(np.arange(11.0), n_visible=3).hidden_bias
    array([ 9., 10.])
    """
    n_hidden, rest = divmod(position.shape[-1] - n_visible, n_visible + 1)
    if rest or n_hidden < 1:
        raise StochinfError(
            f"{position.shape[-1]} parameters for {n_visible} visible units;"
            " n_visible * n_hidden + n_visible + n_hidden are needed"
        )
    size = n_visible * n_hidden
    weights = position[..., :size].reshape(*position.shape[:-1], n_visible, n_hidden)
    return Parameters(weights, position[..., size : size + n_visible], position[..., size + n_visible :])


def joined(weights: npt.ArrayLike, visible_bias: npt.ArrayLike, hidden_bias: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return the vector of weights (n_visible, n_hidden) and biases in single precision."""
    return np.concatenate([np.asarray(part, dtype=np.float32).ravel() for part in (weights, visible_bias, hidden_bias)])
