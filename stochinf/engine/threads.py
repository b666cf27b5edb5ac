"""Threads: how many, and one for BLAS."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

__all__ = ["processors", "single_threaded_blas"]


def processors() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def single_threaded_blas(needed: bool) -> Iterator[None]:
    """Keep BLAS on one thread: products differ in their last bits with the number of its threads."""
    if not needed:
        yield
        return
    import threadpoolctl

    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        yield
