"""Object code of densities on disk, named by what it was made from."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import threading
import time
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from stochinf.density.emit.machine import object_code, processor
from stochinf.density.graph import Graph
from stochinf.engine import cache

__all__ = ["code_of", "file_name"]

log = logging.getLogger("stochinf")


@functools.cache
def stamp() -> str:
    """Return a text that changes with the emitter, LLVM and the processor."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    digest.update(repr((llvmlite.__version__, llvm.llvm_version_info, processor(), llvm.get_process_triple())).encode())
    return digest.hexdigest()


def file_name(graph: Graph, names: tuple[str, ...]) -> str:
    """Return the name of the file that holds the object code of a graph; data have no part in it."""
    made_from = f"{stamp()} {names} {graph.digest()}"
    return f"density.{hashlib.sha256(made_from.encode()).hexdigest()[:40]}.o"


def code_of(graph: Graph, names: tuple[str, ...]) -> bytes:
    """Return the object code of a graph, from disk where it is there; keep it there where not."""
    folder, name = cache.cache_folder(), file_name(graph, names)
    if folder is not None:
        with contextlib.suppress(OSError, ValueError):
            content = unsealed((folder / name).read_bytes())
            cache.statistics["hits"] += 1
            cache.loaded["density"] += 1
            return content
    cache.statistics["misses"] += 1
    cache.compiled["density"] += 1
    code = _compiled(graph, names, folder is not None)
    if folder is not None:
        _keep(folder / name, code)
    return code


def _compiled(graph: Graph, names: tuple[str, ...], kept: bool) -> bytes:
    """Return object code made now; after a second of it, say so."""
    from stochinf.density.emit.module import module_text

    began = time.perf_counter()
    timer = threading.Timer(cache.ANNOUNCE_AFTER, cache.announce, ["a log density", [f"{graph.size()} operations"], kept])
    timer.daemon = True
    timer.start()
    try:
        return object_code(module_text(graph, names))
    finally:
        timer.cancel()
        cache.statistics["seconds"] += time.perf_counter() - began


def _keep(path: Path, code: bytes) -> None:
    """Write a file in one go; a folder that cannot be written is no error."""
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}.{threading.get_ident()}")
    try:
        temporary.write_bytes(hashlib.sha256(code).digest() + code)
        os.replace(temporary, path)
    except OSError as error:
        log.info("compiled density not kept: %s", error)
        with contextlib.suppress(OSError):
            temporary.unlink()


def unsealed(content: bytes) -> bytes:
    """Return what a file holds behind its checksum: damaged machine code would crash the process."""
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        raise ValueError("damaged")
    return content[32:]
