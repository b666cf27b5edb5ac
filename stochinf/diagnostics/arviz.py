"""The bridge to arviz: groups of arrays become an ``InferenceData`` (arviz 0.x) or a ``DataTree`` (arviz 1.x)."""

from collections.abc import Hashable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stochinf import __version__
from stochinf.engine.errors import StochinfError

__all__ = ["to_arviz"]

Variables = Mapping[str, ArrayLike]
WARMUP = "warmup_"
SAMPLED = ("posterior", "sample_stats", "log_likelihood", "posterior_predictive", "predictions")
PRIOR = ("prior", "sample_stats_prior", "prior_predictive")
DATA = ("observed_data", "constant_data", "predictions_constant_data")
GROUPS = (*SAMPLED, *PRIOR, *DATA, *(WARMUP + group for group in SAMPLED))
BOOLEAN_STATS = ("diverging", "reached_max_treedepth")
NUMBERS, NOT_NUMBERS = (int, float, np.integer, np.floating), (bool, np.timedelta64)
RESERVED_DIMENSIONS = ("chain", "draw", "sample", "pred_id")


def to_arviz(
    groups: Mapping[str, Variables],
    *,
    attrs: Mapping[str, Any] | None = None,
    coords: Mapping[str, Sequence[Hashable]] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """Turn groups of arrays into the container of the installed arviz, by the names of its schema.

    Truth values become int8, which both lines of arviz can summarise; ``diverging`` and ``reached_max_treedepth`` stay as they
    are. Labels that are all numbers or all dates stay so, others become text. A slash in a variable's name becomes an underscore.

    Parameters
    ----------
    groups : mapping of str to mapping of str to array
        Such as ``{"posterior": {"theta": float64[chain, draw, *event]}, "sample_stats": {"lp": float64[chain, draw]}}``;
        warm-up goes to ``warmup_posterior`` and ``warmup_sample_stats``; arrays of ``observed_data`` and ``constant_data`` have
        no chain and draw.
    attrs : mapping, optional
        Attributes of the whole and of each group, beside the name and version of this library.
    coords : mapping of str to sequence, optional
        Labels along a dimension. Where two labels have the same text, their ``repr`` is taken.
    dims : mapping of str to sequence of str, optional
        Names of the dimensions of a variable after chain and draw.

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        The first with arviz 0.x, the second with arviz 1.x.

    Raises
    ------
    StochinfError
        A group that the schema does not have, a shape without chain and draw, two lengths in one group.

    References
    ----------
    ArviZ developers, InferenceData schema specification.

    Examples
    --------
    >>> coin = np.random.default_rng(1).beta(7, 3, size=(4, 100))
    >>> to_arviz({"posterior": {"bias": coin}}).posterior["bias"].dims
    ('chain', 'draw')
    """
    tables = {group: _table(group, variables) for group, variables in groups.items() if variables}
    marks = {"inference_library": "stochinf", "inference_library_version": __version__, **(attrs or {})}
    labels = {name: _labels(values) for name, values in (coords or {}).items()}
    axes = {_name(name): _axes(name, names) for name, names in (dims or {}).items()}
    convert = _to_data_tree if int(version("arviz").split(".")[0]) >= 1 else _to_inference_data
    return convert(tables, marks, coords=labels, dims=axes, save_warmup=True)


def _to_data_tree(tables: dict[str, Any], attrs: dict[str, Any], **options: Any) -> Any:
    from arviz_base import from_dict

    return from_dict(tables, attrs={"/": attrs, **dict.fromkeys(tables, attrs)}, **options)


def _to_inference_data(tables: dict[str, Any], attrs: dict[str, Any], **options: Any) -> Any:
    from arviz import from_dict

    marks = {f"{group}_attrs": attrs for group in (*SAMPLED, *PRIOR) if group in tables}
    marks |= {f"{group}_warmup_attrs": attrs for group in SAMPLED if WARMUP + group in tables}
    return from_dict(**tables, **marks, attrs=attrs, **options)


def _table(group: str, variables: Variables) -> dict[str, NDArray[Any]]:
    if group not in GROUPS:
        raise StochinfError(f"group {group!r}: not in the schema of arviz; use one of {', '.join(GROUPS)}")
    table: dict[str, NDArray[Any]] = {}
    for name, values in variables.items():
        if _name(name) in table:
            raise StochinfError(f"variable {name!r} of {group}: written {_name(name)!r}, as another one is; rename one of them")
        table[_name(name)] = _storable(name, values)
    if group not in DATA:
        _check_sample_shape(group, table)
    return table


def _check_sample_shape(group: str, table: Mapping[str, NDArray[Any]]) -> None:
    shapes = {name: array.shape for name, array in table.items()}
    for name, shape in shapes.items():
        if len(shape) < 2:
            raise StochinfError(f"variable {name!r} of {group}: shape {shape} given, (chain, draw, ...) needed")
    if len({shape[:2] for shape in shapes.values()}) > 1:
        given = ", ".join(f"{name} {shape[:2]}" for name, shape in shapes.items())
        raise StochinfError(f"group {group!r}: as many chains and draws in each variable needed; given {given}")


def _name(name: str) -> str:
    return str(name).replace("/", "_")


def _storable(name: str, values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    return array.astype(np.int8) if array.dtype == np.bool_ and name not in BOOLEAN_STATS else array


def _labels(labels: Sequence[Hashable]) -> NDArray[Any] | list[str]:
    """Return labels as arviz can select by and store: an array of numbers or dates, else texts."""
    values = list(labels)
    if values and all(isinstance(label, NUMBERS) and not isinstance(label, NOT_NUMBERS) for label in values):
        array = np.asarray(values)
        if array.dtype.kind in "iuf":
            return array
    if values and all(isinstance(label, np.datetime64) for label in values):
        return np.asarray(values, dtype="datetime64[ns]")
    texts = [str(label) for label in values]
    return texts if len(set(texts)) == len(texts) else [repr(label) for label in values]


def _axes(name: str, names: Sequence[str]) -> list[str]:
    for axis in names:
        if axis in RESERVED_DIMENSIONS:
            raise StochinfError(f"dimension {axis!r} of {name!r}: reserved by arviz; name only those after chain and draw")
    return list(names)
