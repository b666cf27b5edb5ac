"""Lazy names (PEP 562): importing a package imports none of its modules until one is used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["exports"]


def exports(package: str, names: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return `__getattr__`, `__dir__` and `__all__` of a package whose public names live in the given modules.

    Parameters
    ----------
    package : str
        The package's `__name__`.
    names : dict
        Public name to module, relative to the package; a name that ends with a colon is itself the module.
    """

    def load(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        place, is_module, _ = names[name].partition(":")
        module = importlib.import_module(f"{package}.{place}")
        value = module if is_module else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return load, lambda: sorted(names), sorted(names)
