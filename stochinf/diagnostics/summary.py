"""The table of a run's figures: one row for each scalar, worked out when it is looked at."""

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from html import escape
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stochinf.engine.errors import StochinfError
from stochinf.engine.statistics import SummaryRow, summary_row

__all__ = ["Summary", "UnknownNameError"]

WIDTH = 80
COLUMNS = SummaryRow._fields
COLUMN_WIDTHS = (11, 10, 10, 9, 9, 7)


class UnknownNameError(StochinfError, KeyError):
    """A name that a result does not have; the message lists those it has."""

    def __str__(self) -> str:
        return str(self.args[0])


class Summary:
    """Mean, sd, mcse_mean, ess_bulk, ess_tail and r_hat of every scalar component of the draws.

    A row is labelled ``theta``, ``beta[0]``, ``image[2, 5]``, or ``state[a]`` where the dimension has coordinates. Rows are
    worked out when they are printed or looked up, so that a table over a hundred thousand nodes costs what is seen of it.

    Parameters
    ----------
    draws : mapping of str to array[chain, draw, *event]
        What is summarised.
    dims : mapping of str to sequence of str, optional
        Names of the dimensions of a variable after chain and draw.
    coords : mapping of str to sequence, optional
        Labels along a dimension.
    max_rows : int
        Rows shown as text.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = Summary({"bias": rng.beta(7, 3, size=(4, 500)), "sides": np.full((4, 500), 2)})
    >>> print(table)
                mean        sd mcse_mean ess_bulk ess_tail  r_hat
    bias      0.6979    0.1391   0.00318     1904     2014  1.003
    sides          2  constant
    >>> round(table["bias"]["mean"], 2)
    0.7
    """

    def __init__(
        self,
        draws: Mapping[str, NDArray[Any]],
        dims: Mapping[str, Sequence[str]] | None = None,
        coords: Mapping[str, Sequence[Hashable]] | None = None,
        max_rows: int = 40,
    ) -> None:
        self.max_rows = max_rows
        self._draws = {name: np.asarray(array) for name, array in draws.items()}
        self._axes = {
            name: _axis_labels(array.shape[2:], (dims or {}).get(name, ()), coords or {}) for name, array in self._draws.items()
        }
        self._row = cache(self._compute)
        self._positions = cache(self._number)

    def __len__(self) -> int:
        return sum(math.prod(array.shape[2:]) for array in self._draws.values())

    def __iter__(self) -> Iterator[str]:
        return (label for label, _, _ in self._components())

    def __contains__(self, label: object) -> bool:
        return isinstance(label, str) and self._find(label) is not None

    def __getitem__(self, label: str) -> dict[str, float]:
        """Figures of one scalar by column, ``summary["beta[0]"]["mean"]``."""
        place = self._find(label)
        if place is None:
            raise unknown_name("row", label, islice(self, 10_000))
        return self._row(*place)._asdict()

    def to_dict(self) -> dict[str, dict[str, float]]:
        """All rows, ``{label: {column: figure}}``; on a large model this takes a few milliseconds a row."""
        return {label: self._row(name, i)._asdict() for label, name, i in self._components()}

    def rows(self) -> Iterator[tuple[str, SummaryRow]]:
        """Pairs of label and figures, one by one."""
        return ((label, self._row(name, i)) for label, name, i in self._components())

    def __str__(self) -> str:
        cells = self._cells()
        width = min(max((len(label) for label, _ in cells), default=0), WIDTH - sum(COLUMN_WIDTHS))
        lines = [_line("", list(COLUMNS), width), *(_line(label, figures, width) for label, figures in cells)]
        return "\n".join([*lines, *self._rest()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{column}</th>" for column in ("", *COLUMNS))
        body = "".join(_html_row(label, figures) for label, figures in self._cells())
        foot = "".join(f"<p>{text}</p>" for text in self._rest())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"

    def _components(self) -> Iterator[tuple[str, str, int]]:
        for name in self._draws:
            for i, labels in enumerate(product(*self._axes[name])):
                yield _label(name, labels), name, i

    def _find(self, label: str) -> tuple[str, int] | None:
        for name in self._draws:
            if label.startswith(name) and label in self._positions(name):
                return name, self._positions(name)[label]
        return None

    def _number(self, name: str) -> dict[str, int]:
        return {_label(name, labels): i for i, labels in enumerate(product(*self._axes[name]))}

    def _compute(self, name: str, i: int) -> SummaryRow:
        array = self._draws[name]
        return summary_row(array.reshape(*array.shape[:2], -1)[:, :, i] if array.ndim > 2 else array)

    def _cells(self) -> list[tuple[str, list[str]]]:
        return [(label, _figures(row)) for label, row in islice(self.rows(), self.max_rows)]

    def _rest(self) -> list[str]:
        hidden = len(self) - self.max_rows
        return [f"... and {hidden:,} more rows"] if hidden > 0 else []


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """Error for a name that is not there, with the nearest ones and the list."""
    from difflib import get_close_matches

    names = list(known)
    near = get_close_matches(str(name), names, n=3)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    listed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return UnknownNameError(f"no {kind} {name!r}; {hint}there {'are' if len(names) != 1 else 'is'}: {listed or 'none'}")


def _axis_labels(
    shape: tuple[int, ...], dims: Sequence[str], coords: Mapping[str, Sequence[Hashable]]
) -> list[Sequence[Hashable]]:
    """Labels along each dimension: its coordinates where there are as many as entries, else 0, 1, ..."""
    named = [coords.get(dim, ()) for dim in dims] + [()] * (len(shape) - len(dims))
    return [labels if len(labels) == size else range(size) for size, labels in zip(shape, named, strict=False)]


def _label(name: str, labels: tuple[Hashable, ...]) -> str:
    return f"{name}[{', '.join(map(str, labels))}]" if labels else name


def _figures(row: SummaryRow) -> list[str]:
    if row.sd == 0.0:
        return [f"{row.mean:.4g}", "constant"]
    ess = [f"{figure:.0f}" for figure in (row.ess_bulk, row.ess_tail)]
    return [
        f"{row.mean:.4g}",
        f"{row.sd:.4g}",
        f"{row.mcse_mean:.3g}",
        *ess,
        f"{row.r_hat:.3f}" if row.r_hat < 100 else f"{row.r_hat:.3g}",
    ]


def _line(label: str, figures: list[str], width: int) -> str:
    label = label if len(label) <= width else f"{label[: width - 1]}…"
    return f"{label:<{width}}" + "".join(f"{figure:>{room}}" for figure, room in zip(figures, COLUMN_WIDTHS, strict=False))


def _html_row(label: str, figures: list[str]) -> str:
    figures = [*figures, *[""] * (len(COLUMNS) - len(figures))]
    return f"<tr><th>{escape(label)}</th>" + "".join(f"<td>{figure}</td>" for figure in figures) + "</tr>"
