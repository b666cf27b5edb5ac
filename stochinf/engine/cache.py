"""A disk cache for compiled loops, stamped with the code that went into them.

Numba's own cache looks at the file of the outermost function only, so an edited kernel would silently run old code, and its
index pickles classes by import path, so it breaks when a module is gone. Here a combination of types has one file, named by
a digest of: the type names, the byte code of every method and helper that the loop can reach, the constants they read, all
options, bounds checking, the CPU and the versions. Classes of parts are stored as positions in the signature, never pickled:
a class from a script or a notebook hits the cache as well as one from a package.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import pickle
import sys
import tempfile
import threading
import time
import types as python_types
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stochinf.engine import light  # noqa: F401  (first)

# isort: split
import numba
import numpy as np
from numba import types
from numba.core.compiler import CompileResult
from numba.core.serialize import NumbaPickler

from stochinf.engine.inner import InnerCompiler, InnerLowering

__all__ = ["StampedCache", "cache_folder", "compiled", "forget_announcements", "loaded", "statistics"]

ANNOUNCE_AFTER = 1.0
"""Seconds after which a compilation in progress is announced."""

log = logging.getLogger("stochinf")

statistics = {"hits": 0, "misses": 0, "seconds": 0.0}
"""Loads from the cache, compilations and the seconds these took, in this process."""

compiled: Counter[str] = Counter()
"""Compilations by the name of the function."""

loaded: Counter[str] = Counter()
"""Loads by the name of the function."""

_pending: list[threading.Timer] = []


def cache_folder() -> Path | None:
    """Return the folder of compiled loops, or None where no folder of our own can be written.

    `STOCHINF_CACHE_DIR` wins, then `NUMBA_CACHE_DIR`, then the user's cache folder. The files are pickles, so a folder that
    belongs to somebody else, or that others may write, is not used.
    """
    chosen = os.environ.get("STOCHINF_CACHE_DIR") or os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        folder = Path(chosen) / "stochinf"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stochinf"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
        status = folder.stat()
    except (OSError, RuntimeError):
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o002):
        return None
    return folder


def part_classes(numba_type: Any) -> Iterator[type]:
    """Yield the NamedTuple classes inside a numba type, outermost first."""
    if isinstance(numba_type, types.BaseNamedTuple):
        yield numba_type.instance_class
    for inner in getattr(numba_type, "types", ()):
        yield from part_classes(inner)


DEEPEST = 6
"""Modules within modules that a name is followed through; some name each other in a circle."""


class _Digest:
    """Hash the code that compiled functions can reach, and the numbers and arrays that it holds.

    Attributes
    ----------
    lines : list of str
        What there is.
    unknown : list of str
        Names of what else the code reaches, which may become part of machine code unseen.
    """

    def __init__(self, classes: list[type]) -> None:
        self.classes = classes
        self.seen: set[int] = set()
        self.modules: set[tuple[str, int]] = set()
        self.lines: list[str] = []
        self.unknown: list[str] = []

    def function(self, function: Callable[..., Any]) -> None:
        if id(function) in self.seen:
            return
        self.seen.add(id(function))
        code = function.__code__
        self.lines.append(f"{function.__name__} {code_text(code)} {function.__defaults__!r}")
        if hasattr(function, "compiled_by"):
            self.function(function.compiled_by)
        for cell in function.__closure__ or ():
            self.value("closure", cell.cell_contents, code)
        for name in sorted(all_names(code)):
            if name in function.__globals__:
                self.value(name, function.__globals__[name], code)
            for cls in self.classes:
                method = getattr(cls, name, None)
                if isinstance(method, python_types.FunctionType):
                    self.function(method)

    def value(self, name: str, value: Any, code: python_types.CodeType) -> None:
        if hasattr(value, "py_func"):
            self.lines.append(f"{name} {option_text(value.targetoptions)}")
            self.function(value.py_func)
        elif isinstance(getattr(value, "_defn", None), python_types.FunctionType):
            self.lines.append(f"{name} {code_text(value._defn.__code__)}")
        elif isinstance(value, python_types.FunctionType):
            if value.__module__.partition(".")[0] not in ("numba", "numpy"):
                self.function(value)
        elif isinstance(value, type):
            self.lines.append(f"{name} is {value.__module__}.{value.__qualname__}")
        elif isinstance(value, (bool, int, float, complex, str, tuple, np.generic)):
            self.lines.append(f"{name} = {value!r}")
        elif isinstance(value, np.ndarray):
            content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
            self.lines.append(f"{name} is {value.dtype} {value.shape} {content}")
        elif isinstance(value, types.Type):
            self.lines.append(f"{name} is {value}")
        elif not (isinstance(value, (python_types.ModuleType, python_types.BuiltinFunctionType, type(None))) or of_numpy(value)):
            self.unknown.append(name)
        elif isinstance(value, python_types.ModuleType) and (name, id(value)) not in self.modules and name.count(".") < DEEPEST:
            self.modules.add((name, id(value)))
            for attribute in sorted(all_names(code)):
                if attribute in vars(value):
                    self.value(f"{name}.{attribute}", vars(value)[attribute], code)


def of_numpy(value: Any) -> bool:
    """Whether a value is one of numpy's functions."""
    return type(value).__module__.partition(".")[0] == "numpy"


def option_text(options: dict[str, Any]) -> str:
    """Describe compile options in an order that is the same in every process."""
    return str(sorted((name, sorted(value) if isinstance(value, (set, frozenset)) else value) for name, value in options.items()))


def all_names(code: python_types.CodeType) -> set[str]:
    """Names that a code object and the functions inside it refer to."""
    inner = (all_names(c) for c in code.co_consts if isinstance(c, python_types.CodeType))
    return set(code.co_names).union(*inner)


def code_text(code: python_types.CodeType) -> str:
    """Describe a code object without line numbers, so that moving or commenting code keeps the cache."""
    constants = [code_text(c) if isinstance(c, python_types.CodeType) else repr(c) for c in code.co_consts[1:]]
    if code.co_consts and code.co_consts[0] is not None and not isinstance(code.co_consts[0], str):
        constants.append(repr(code.co_consts[0]))
    return f"{code.co_code.hex()} {constants} {code.co_names} {code.co_varnames}"


class _Pickler(NumbaPickler):  # type: ignore[misc]
    """Store the classes of the signature by position."""

    def __init__(self, file: io.BytesIO, classes: list[type]) -> None:
        super().__init__(file, protocol=5)
        self.positions = {id(cls): position for position, cls in enumerate(classes)}

    def persistent_id(self, obj: Any) -> int | None:
        return self.positions.get(id(obj))


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, classes: list[type]) -> None:
        super().__init__(file)
        self.classes = classes

    def persistent_load(self, position: int) -> type:
        return self.classes[position]


class StampedCache:
    """The cache of one entry point; numba's dispatcher calls `load_overload` and `save_overload`."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any], folder: Path | None) -> None:
        self.function, self.options, self.folder = function, options, folder
        self.began = 0.0

    @property
    def cache_path(self) -> str:
        """Folder of the cache; empty where none can be written."""
        return str(self.folder or "")

    def enable(self) -> None:
        """Part of numba's interface; the cache is always on."""

    def disable(self) -> None:
        """Part of numba's interface; the cache is always on."""

    def flush(self) -> None:
        """Part of numba's interface; stale files have other names."""

    def file(self, signature: Any, codegen: Any) -> tuple[str, list[type]]:
        """Return the name of the file of a combination of types, and its classes in order."""
        classes = list(dict.fromkeys(cls for t in signature for cls in part_classes(t)))
        digest = self.reached(classes)
        facts = [
            *map(str, signature),
            *(f"{cls.__name__} {getattr(cls, 'allocates', False)} {getattr(cls, 'reorder', False)}" for cls in classes),
            *digest.lines,
            option_text(self.options),
            f"{codegen.magic_tuple()} {numba.config.BOUNDSCHECK} {numba.__version__} {sys.version_info[:3]}",
        ]
        name = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:40]
        return f"{self.function.__name__}.{name}.loop", classes

    def reached(self, classes: list[type]) -> _Digest:
        """Return what the function reaches, the options of compiling included."""
        digest = _Digest(classes)
        for function in (self.function, InnerCompiler.define_pipelines, InnerLowering.run_pass):
            digest.function(function)
        return digest

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return the compiled loop of a signature, or None where it is not there or cannot be read."""
        target_context.refresh()
        name, classes = self.file(signature, target_context.codegen())
        if self.folder is not None:
            with contextlib.suppress(Exception):
                payload = _Unpickler(io.BytesIO(_sealed(self.folder / name)), classes).load()
                result = CompileResult._rebuild(target_context, *payload)
                statistics["hits"] += 1
                loaded[self.function.__name__] += 1
                return result
        statistics["misses"] += 1
        compiled[self.function.__name__] += 1
        self.began = time.perf_counter()
        _announce_later(self.function.__name__, [cls.__name__ for cls in classes], self.folder is not None)
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep a compiled loop; a folder that cannot be written any more is no error."""
        forget_announcements()
        statistics["seconds"] += time.perf_counter() - self.began
        if self.folder is None:
            return
        name, classes = self.file(signature, result.codegen)
        buffer = io.BytesIO()
        _Pickler(buffer, classes).dump(result._reduce())
        temporary = self.folder / f"{name}.tmp.{os.getpid()}.{threading.get_ident()}"
        try:
            temporary.write_bytes(hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())
            os.replace(temporary, self.folder / name)
        except OSError as error:
            log.info("compiled loop not kept: %s", error)
            with contextlib.suppress(OSError):
                temporary.unlink()


def _sealed(path: Path) -> bytes:
    """Return what a file holds behind its checksum: damaged machine code would crash the process."""
    content = path.read_bytes()
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        raise ValueError(f"{path} is damaged")
    return content[32:]


def _announce_later(function: str, classes: list[str], kept: bool) -> None:
    timer = threading.Timer(ANNOUNCE_AFTER, announce, [function, classes, kept])
    timer.daemon = True
    _pending.append(timer)
    timer.start()


def forget_announcements() -> None:
    """Announce nothing more of compilations that have ended, in success or failure."""
    while _pending:
        _pending.pop().cancel()


def announce(function: str, classes: list[str], kept: bool) -> None:
    """Tell the user that a compilation is under way."""
    then = "the next run loads it from the cache" if kept else "no cache folder can be written, so the next run compiles it again"
    log.warning("stochinf: compiling %s%s; %s", function, f" for {', '.join(classes)}" if classes else "", then)
