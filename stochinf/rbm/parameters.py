r"""The parameters of a restricted Boltzmann machine as one vector: weights, visible biases, hidden biases, log precisions.

The vector holds :math:`W` row by row (a row per visible unit), then :math:`b`, then :math:`c`, then the logarithms of the
precisions of visible units where these have any (`stochinf.rbm.units`): one array, so that a saved run holds each number once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError

__all__ = ["Parameters", "joined", "n_parameters", "unpacked"]

NO_PRECISION = np.empty(0)


class Parameters(NamedTuple):
    """Parameters by name; leading axes, such as chain and draw, are kept.

    Attributes
    ----------
    weights : ndarray of shape (..., n_visible, n_hidden)
    visible_bias : ndarray of shape (..., n_visible)
    hidden_bias : ndarray of shape (..., n_hidden)
    log_precision : ndarray of shape (..., n_visible)
        Empty where the visible units have none.
    """

    weights: npt.NDArray[Any]
    visible_bias: npt.NDArray[Any]
    hidden_bias: npt.NDArray[Any]
    log_precision: npt.NDArray[Any] = NO_PRECISION

    def named(self) -> dict[str, npt.NDArray[Any]]:
        """Return those that there are by name."""
        return {name: value for name, value in self._asdict().items() if value.size}


def n_parameters(n_visible: int, n_hidden: int, has_precision: bool = False) -> int:
    """Return the length of the vector."""
    return n_visible * n_hidden + (2 if has_precision else 1) * n_visible + n_hidden


def unpacked(position: npt.NDArray[Any], n_visible: int) -> Parameters:
    """Return the parts of vectors of shape (..., n_parameters); whether there are precisions shows in the length.

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
    >>> unpacked(np.arange(14.0), n_visible=3).log_precision
    array([11., 12., 13.])
    """
    size = position.shape[-1]
    for precisions in (0, n_visible):
        n_hidden, rest = divmod(size - n_visible - precisions, n_visible + 1)
        if not rest and n_hidden > 0:
            break
    else:
        raise StochinfError(
            f"{size} parameters for {n_visible} visible units; n_visible * n_hidden + n_visible + n_hidden are needed"
            " (and n_visible more where units have precisions)"
        )
    product = n_visible * n_hidden
    weights = position[..., :product].reshape(*position.shape[:-1], n_visible, n_hidden)
    hidden = product + n_visible
    return Parameters(
        weights, position[..., product:hidden], position[..., hidden : hidden + n_hidden], position[..., hidden + n_hidden :]
    )


def joined(
    weights: npt.ArrayLike, visible_bias: npt.ArrayLike, hidden_bias: npt.ArrayLike, log_precision: npt.ArrayLike = NO_PRECISION
) -> npt.NDArray[np.float32]:
    """Return the vector of weights (n_visible, n_hidden), biases and log precisions in single precision."""
    parts = (weights, visible_bias, hidden_bias, log_precision)
    return np.concatenate([np.asarray(part, dtype=np.float32).ravel() for part in parts])
