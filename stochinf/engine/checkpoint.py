"""Saved runs: npz without pickle, written so that a kill at any moment leaves the old file or the new one.

A file holds a description of the parts (names of built-in classes, numbers, arrays), the arrays that the blocks change, the
versions and a hash of target and kernel. Built-in parts are rebuilt from a table of names; a user's own are passed again and
must have the same hash.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stochinf.engine.errors import CheckpointError
from stochinf.engine.parts import is_part

__all__ = [
    "FORMAT", "Arrays", "arrays_of", "demand_writable", "describe", "fingerprint", "read", "rebuild", "saved_path", "with_arrays",
    "write",
]  # fmt: skip

FORMAT = 1

Arrays = dict[str, np.ndarray[Any, Any]]


def describe(value: Any, arrays: Arrays, place: str) -> Any:
    """Return `value` as JSON, with its arrays put into `arrays` under names that begin with `place`.

    Raises
    ------
    CheckpointError
        If it holds something that is neither a part, a recipe, a number, a string nor an array.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, np.generic):
        return {"scalar": value.dtype.str, "text": value.item().hex() if value.dtype.kind == "f" else str(value.item())}
    if isinstance(value, np.ndarray) and value.dtype != object:
        arrays[place] = value
        return {"array": place}
    if is_part(type(value)):
        fields = {name: describe(getattr(value, name), arrays, f"{place}.{name}") for name in value._fields}
        return {"part": class_name(type(value)), "fields": fields}
    if isinstance(value, (tuple, list)):
        return {"items": [describe(item, arrays, f"{place}.{k}") for k, item in enumerate(value)]}
    if hasattr(value, "recipe"):
        arguments = {name: describe(item, arrays, f"{place}.{name}") for name, item in value.recipe().items()}
        return {"recipe": class_name(type(value)), "arguments": arguments}
    raise CheckpointError(
        f"{place}: a {type(value).__name__} cannot be saved; parts hold numbers, strings, arrays and other parts"
    )


def class_name(cls: type) -> str:
    """Return the name under which a class is saved: package.Class for ours, module:Class for a user's."""
    module = cls.__module__.split(".")
    return (
        f"{module[1]}.{cls.__name__}" if module[0] == "stochinf" and len(module) > 1 else f"{cls.__module__}:{cls.__qualname__}"
    )


def rebuild(description: Any, arrays: Arrays, find: Callable[[str], Any]) -> Any:
    """Return the value that `describe` described; `find(name)` gives the class of a name."""
    if not isinstance(description, dict):
        return description
    if "float" in description:
        return float.fromhex(description["float"])
    if "scalar" in description:
        dtype = np.dtype(description["scalar"])
        return dtype.type(float.fromhex(description["text"]) if dtype.kind == "f" else int(description["text"]))
    if "array" in description:
        return arrays[description["array"]]
    if "items" in description:
        return tuple(rebuild(item, arrays, find) for item in description["items"])
    key, inner = ("part", "fields") if "part" in description else ("recipe", "arguments")
    cls = find(description[key])
    return getattr(cls, "from_recipe", cls)(**{name: rebuild(item, arrays, find) for name, item in description[inner].items()})


def fingerprint(value: Any) -> str:
    """Return a hash of a part: class, numbers and the bytes of its arrays."""
    arrays: Arrays = {}
    text = json.dumps(describe(value, arrays, "part"), sort_keys=True)
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def arrays_of(value: Any, place: str) -> Arrays:
    """Return the arrays inside a part by place."""
    if isinstance(value, np.ndarray):
        return {place: value}
    found: Arrays = {}
    if isinstance(value, tuple):
        for name, item in zip(getattr(value, "_fields", range(len(value))), value, strict=True):
            if isinstance(item, (np.ndarray, tuple)):
                found |= arrays_of(item, f"{place}.{name}")
    return found


def with_arrays(value: Any, arrays: Arrays, place: str, growing: bool = False) -> Any:
    """Return a part with its arrays replaced by the saved ones.

    Parameters
    ----------
    growing : bool
        The arrays may have any length along the first axis: observers.

    Raises
    ------
    CheckpointError
        If an array is missing or of another type or shape: compiled code trusts shapes.
    """
    if isinstance(value, np.ndarray):
        saved = arrays.get(place)
        own = slice(1, None) if growing and value.ndim else slice(None)
        if saved is None or saved.dtype != value.dtype or saved.ndim != value.ndim or saved.shape[own] != value.shape[own]:
            raise CheckpointError(f"the saved run has no array {place} of shape {value.shape} and type {value.dtype}")
        return saved
    if isinstance(value, tuple):
        items = [with_arrays(item, arrays, f"{place}.{name}", growing) for name, item in _named_items(value)]
        cls: Any = type(value)
        return cls._make(items) if is_part(cls) else tuple(items)
    return value


def _named_items(value: tuple[Any, ...]) -> list[tuple[str, Any]]:
    return list(zip(map(str, getattr(value, "_fields", range(len(value)))), value, strict=True))


def write(path: str | os.PathLike[str], description: dict[str, Any], arrays: Arrays) -> None:
    """Write a saved run: a temporary file, fsync, rename, fsync of the folder.

    Raises
    ------
    CheckpointError
        If the file cannot be written; an older file at `path` is left as it was.
    """
    final = saved_path(path)
    temporary = final.with_name(f".{final.name}.tmp.{os.getpid()}")
    text = np.frombuffer(json.dumps(description).encode(), dtype=np.uint8)
    try:
        _clear_leftovers(final)
        with open(temporary, "wb") as file:
            np.savez(file, allow_pickle=False, description=text, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, final)
        _sync_folder(final.parent)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{final}: the run could not be saved ({getattr(error, 'strerror', None) or error}); an older file there is as it was"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def saved_path(path: Any) -> Path:
    """Return the path of a file.

    Raises
    ------
    CheckpointError
        If it is none.
    """
    if not isinstance(path, (str, os.PathLike)) or not Path(path).name or "\0" in os.fspath(path):
        raise CheckpointError(f"{path!r}: the path of a file is needed")
    return Path(path)


def demand_writable(path: Any) -> None:
    """Demand that a file can be written at a path, as far as one can tell without writing it.

    Raises
    ------
    CheckpointError
        If its folder is missing or must not be written, or if it is a folder itself.
    """
    final = saved_path(path)
    wrong = (
        "there is no such folder" if not final.parent.is_dir() else
        "it is a folder" if final.is_dir() else
        "its folder cannot be written" if not os.access(final.parent, os.W_OK) else ""
    )  # fmt: skip
    if wrong:
        raise CheckpointError(f"{final}: the run could not be saved ({wrong}); give the path of a file that can be written")


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _clear_leftovers(final: Path) -> None:
    """Remove temporary files of processes that were killed."""
    for leftover in final.parent.glob(f".{glob.escape(final.name)}.tmp.*"):
        owner = leftover.suffix[1:]
        if owner.isdigit() and not _alive(int(owner)):
            with contextlib.suppress(OSError):
                leftover.unlink()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Arrays]:
    """Read a saved run.

    Raises
    ------
    CheckpointError
        If there is no such file, it is damaged, or another format.
    """
    name = saved_path(path)
    try:
        _check_members(name)
        with np.load(name, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        description = json.loads(arrays.pop("description").tobytes())
        form = description["format"]
    except FileNotFoundError:
        raise CheckpointError(f"{name}: there is no such file") from None
    except Exception as error:  # a damaged archive can raise almost anything
        raise CheckpointError(f"{name}: not a saved run, or damaged ({error})") from error
    if form != FORMAT:
        raise CheckpointError(f"{name}: format {form!r}, this version reads format {FORMAT}")
    return description, arrays


def _check_members(name: Path) -> None:
    """Refuse files that would unpack to more than they are."""
    with zipfile.ZipFile(name) as file:
        for member in file.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > name.stat().st_size:
                raise ValueError(f"member {member.filename} is compressed or larger than the file")
