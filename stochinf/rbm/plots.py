"""Pictures of machines: filters, draws, learning curves. They need matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError

__all__ = ["plot_filters", "plot_learning", "plot_samples", "tiled"]


def tiled(rows: npt.ArrayLike, shape: tuple[int, int], columns: int | None = None) -> npt.NDArray[np.float64]:
    """Return rows as pictures side by side, NaN between them.

    Parameters
    ----------
    rows : array_like of shape (n, height * width)
    shape : pair of int
        Height and width of a picture.
    columns : int, optional
        Pictures in a row; about as many as rows of pictures by default.

    Raises
    ------
    StochinfError
        If rows have other than height times width values.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.rbm.plots import tiled
    >>> tiled(np.zeros((5, 6)), (2, 3), columns=3).shape
    (5, 11)
    """
    values, (height, width) = np.asarray(rows, dtype=np.float64), shape
    if values.ndim != 2 or values.shape[1] != height * width or not len(values):
        raise StochinfError(f"rows of shape {values.shape}; {height * width} values a row are needed for pictures of {shape}")
    columns = columns or math.ceil(math.sqrt(len(values)))
    lines = -(-len(values) // columns)
    sheet = np.full((lines * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for place, value in enumerate(values):
        top, left = place // columns * (height + 1), place % columns * (width + 1)
        sheet[top : top + height, left : left + width] = value.reshape(shape)
    return sheet


def plot_filters(rbm: Any, shape: tuple[int, int], n: int = 64, ax: Any = None) -> Any:
    """Draw the weights of hidden units as pictures, those of the longest weights first.

    Parameters
    ----------
    rbm : RBM
    shape : pair of int
        Height and width of a picture.
    n : int
        Units at most.
    ax : matplotlib axes, optional

    Returns
    -------
    matplotlib axes
    """
    weights = np.asarray(rbm.weights_)
    first = np.argsort(-np.linalg.norm(weights, axis=1), kind="stable")[:n]
    sheet = tiled(weights[first], shape)
    largest = float(np.nanmax(np.abs(sheet))) or 1.0
    return _shown(sheet, ax, f"{len(first)} filters", cmap="RdBu_r", vmin=-largest, vmax=largest)


def plot_samples(rows: npt.ArrayLike, shape: tuple[int, int], ax: Any = None) -> Any:
    """Draw rows of visible units as pictures.

    Parameters
    ----------
    rows : array_like of shape (n, height * width)
        From `RBM.sample`, or data.
    shape : pair of int
    ax : matplotlib axes, optional

    Returns
    -------
    matplotlib axes
    """
    return _shown(tiled(rows, shape), ax, "", cmap="gray")


def plot_learning(history: Mapping[str, Sequence[float]], names: Sequence[str] | None = None, ax: Any = None) -> Any:
    """Draw what the monitor of a machine saw against the passes.

    Parameters
    ----------
    history : dict of lists
        `RBM.history_`.
    names : sequence of str, optional
        Which of them; all by default.
    ax : matplotlib axes, optional

    Returns
    -------
    matplotlib axes
    """
    ax = _axes(ax)
    passes = history.get("pass")
    for name in names or [name for name in history if name != "pass"]:
        values = np.asarray(history[name], dtype=np.float64)
        ax.plot(np.arange(1, values.size + 1) if passes is None else passes, values, label=name)
    ax.set_xlabel("pass")
    ax.legend()
    return ax


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def _shown(sheet: Any, ax: Any, title: str, **colours: Any) -> Any:
    ax = _axes(ax)
    ax.imshow(sheet, interpolation="nearest", **colours)
    ax.set_axis_off()
    ax.set_title(title)
    return ax
