"""Import numba without scipy, which numba would load to look at its version only; where it needs scipy, it imports it later."""

from __future__ import annotations

import sys

__all__: list[str] = []


def _import_numba() -> None:
    if "numba" in sys.modules or "scipy" in sys.modules:
        return
    sys.modules["scipy"] = None  # type: ignore[assignment]
    try:
        import numba  # noqa: F401
    finally:
        del sys.modules["scipy"]


_import_numba()
