"""A machine in a file: parameters, settings, and what training goes on with; npz without pickle.

A file names classes, never modules: what it may name is listed here.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from stochinf.engine import checkpoint
from stochinf.engine.errors import CheckpointError
from stochinf.engine.jit import versions
from stochinf.engine.parts import is_part
from stochinf.rbm.training import Carry

__all__ = ["read", "write"]

HOMES = {
    "rbm": ("units", "units_real", "units_choice", "tapes", "steps", "penalties", "negative"),
    "optim": (
        "adagrad", "adam", "adam_variants", "dropping", "momentum_rules", "sgd", "shrinkage", "sign_rules", "statistical",
        "transforms", "velocity", "moments", "ahead", "squares", "signs",
    ),
    "engine": ("schedules", "rates", "decays", "phases"),
}  # fmt: skip
"""Modules whose parts a file may name, by the first word of the name."""
FITTED = ("weights_", "visible_bias_", "hidden_bias_", "log_precision_", "visible_mean_")
COUNTS = ("n_iter_", "n_features_in_", "_n_features_out", "_chunks", "_steps")


def find(name: str) -> Any:
    """Return the class of a name in a file.

    Raises
    ------
    CheckpointError
        If it is none of those listed.
    """
    home, _, cls = name.partition(".")
    for module in HOMES.get(home, ()):
        found = getattr(importlib.import_module(f"stochinf.{home}.{module}"), cls, None)
        if is_part(found) and found.__module__ == f"stochinf.{home}.{module}":
            return found
    raise CheckpointError(f"the file names {name!r}, which is no part of a machine")


def write(rbm: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted machine.

    Raises
    ------
    CheckpointError
        If a setting is neither a number, a string nor a part of the library's, or the file cannot be written.
    """
    arrays: checkpoint.Arrays = {name: np.asarray(getattr(rbm, name)) for name in FITTED if hasattr(rbm, name)}
    settings = rbm.get_params(deep=False)
    if not isinstance(settings.get("random_state"), (int, type(None))):
        settings["random_state"] = None
    carry = getattr(rbm, "_carry", None)
    if carry is not None:
        arrays.update({f"carry.{place}": value for place, value in carry.arrays.items()})
    described = {name: checkpoint.describe(value, arrays, f"setting.{name}") for name, value in settings.items()}
    description = {
        "format": checkpoint.FORMAT,
        "kind": type(rbm).__name__,
        "versions": versions(),
        "settings": described,
        "counts": {name: int(getattr(rbm, name)) for name in COUNTS if hasattr(rbm, name)},
        "entropy": str(getattr(rbm, "_entropy", "")),
        "step": None if carry is None else carry.step,
        "history": {name: [float(value).hex() for value in values] for name, values in getattr(rbm, "history_", {}).items()},
        "names": [str(name) for name in getattr(rbm, "feature_names_in_", ())],
    }
    checkpoint.write(path, description, arrays)


def read(cls: Any, path: str | os.PathLike[str]) -> Any:
    """Return the machine in a file.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is damaged or of another kind.
    """
    description, arrays = checkpoint.read(path)
    if description.get("kind") != cls.__name__:
        raise CheckpointError(f"{path}: a saved {description.get('kind', 'run')}, not a {cls.__name__}")
    try:
        settings = {name: checkpoint.rebuild(value, arrays, find) for name, value in description["settings"].items()}
        rbm = cls(**settings)
        for name in FITTED:
            if name in arrays:
                setattr(rbm, name, arrays[name])
        for name in COUNTS:
            if name in description["counts"]:
                setattr(rbm, name, int(description["counts"][name]))
        if description["entropy"]:
            rbm._entropy = int(description["entropy"])
        rbm.history_ = {name: [float.fromhex(value) for value in values] for name, values in description["history"].items()}
        if description["names"]:
            rbm.feature_names_in_ = np.array(description["names"], dtype=object)
        rbm._carry = None
        if description["step"] is not None:
            kept = {place.removeprefix("carry."): value for place, value in arrays.items() if place.startswith("carry.")}
            rbm._carry = Carry(kept, int(description["step"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged ({error!r})") from error
    return rbm
