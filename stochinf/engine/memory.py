"""Memory is estimated before it is taken."""

from __future__ import annotations

import os

from stochinf.engine.errors import MemoryLimitError

__all__ = ["available", "demand"]


def available() -> int:
    """Return the bytes of memory that may be taken: what the machine has free and its container allows."""
    limits = [2**40]
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            limits += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")]
    except (OSError, ValueError, IndexError):
        if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
            limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as line:
            limits.append(int(line.read()))
    except (OSError, ValueError):
        pass
    return min(limits)


def demand(size: int, what: str) -> None:
    """Refuse what would take more than three quarters of the free memory.

    Raises
    ------
    MemoryLimitError
        Naming the request, its size and the limit; nothing has been allocated.

    Examples
    --------
    >>> from stochinf.engine.memory import demand
    >>> demand(2**60, "10^12 draws")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    stochinf.engine.errors.MemoryLimitError: 10^12 draws: 1.15e+09 GB needed, ...
    """
    if size < 2**26:
        return
    limit = int(0.75 * available())
    if size > limit:
        raise MemoryLimitError(
            f"{what}: {size / 1e9:.3g} GB needed, {limit / 1e9:.3g} GB may be taken; ask for fewer, thin, or keep sums only"
        )
