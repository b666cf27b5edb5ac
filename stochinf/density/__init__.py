"""Log densities as targets: behind C pointers, or plain Python."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {"SIGNATURE": "pointer", "PointerDensity": "pointer", "Foreign": "pointer", "python_density": "plain", "wanted": "pointer"},
)
