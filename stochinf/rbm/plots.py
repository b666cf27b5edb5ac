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
        A fitted machine.
    shape : pair of int
        Height and width of a picture.
    n : int
        Units at most.
    ax : matplotlib axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib axes
        The axes drawn in.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> rbm = si.RBM.from_arrays(np.eye(4), np.zeros(4), np.zeros(4))
    >>> si.rbm.plot_filters(rbm, (2, 2)).get_title()
    '4 filters'
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
        Height and width of a picture.
    ax : matplotlib axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib axes
        The axes drawn in.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> len(si.rbm.plot_samples(np.eye(4), (2, 2)).images)
    1
    """
    return _shown(tiled(rows, shape), ax, "", cmap="gray")


def plot_learning(history: Mapping[str, Sequence[float]], names: Sequence[str] | None = None, axes: Any = None) -> Any:
    """Draw what the monitor of a machine saw against the passes, each quantity in a panel with a scale of its own.

    Parameters
    ----------
    history : dict of lists
        `RBM.history_`.
    names : sequence of str, optional
        Which of them; by default all that are known somewhere.
    axes : sequence of matplotlib axes, optional
        One for each quantity; a new figure by default.

    Returns
    -------
    sequence of matplotlib axes
        The axes drawn in.

    Examples
    --------
    >>> import stochinf as si
    >>> history = {"pass": [1, 2], "weight_norm": [0.1, 0.2], "chain_rhat": [1.3, 1.1]}
    >>> si.rbm.plot_learning(history)[-1].get_xlabel()
    'pass'
    """
    series = {name: np.asarray(history[name], dtype=np.float64) for name in names or history if name != "pass"}
    if names is None:
        series = {name: values for name, values in series.items() if np.isfinite(values).any()}
    if axes is None:
        import matplotlib.pyplot as plt

        axes = plt.subplots(
            len(series), squeeze=False, sharex=True, figsize=(6.4, 1.6 * len(series) + 0.8), layout="constrained"
        )[1]
    panels = np.ravel(axes)
    for ax, (name, values) in zip(panels, series.items(), strict=True):
        ax.plot(history.get("pass", np.arange(1, values.size + 1)), values, marker=".")
        ax.set_ylabel(name.replace("_", "\n"))
    panels[-1].set_xlabel("pass")
    return panels


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
