"""Reading model files: BIF networks against pyAgrum's reader, a UAI grid against its target."""

from __future__ import annotations

import gzip
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from measure import best, line

import stochinf as si

SIDE = 50


def networks(folder: Path) -> dict[str, Path]:
    """Return unpacked BIF files by name."""
    found = {}
    for name in ("alarm", "win95pts", "andes", "water"):
        packed = Path(os.environ["STOCHINF_DATA"]) / "graphical" / "bif" / f"{name}.bif.gz"
        found[name] = folder / f"{name}.bif"
        found[name].write_bytes(gzip.decompress(packed.read_bytes()))
    return found


def grid() -> si.FactorGraph:
    """Return a grid with fields and couplings of six digits."""
    cells = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    pairs = [(int(a), int(b)) for left, right in ((cells[:, :-1], cells[:, 1:]), (cells[:-1], cells[1:]))
             for a, b in zip(left.ravel(), right.ravel(), strict=True)]  # fmt: skip
    scopes = [(int(v),) for v in cells.ravel()] + pairs
    rng = np.random.default_rng(0)
    tables = [rng.random(2 ** len(scope)).round(6) + 1e-6 for scope in scopes]
    return si.FactorGraph(np.full(SIDE * SIDE, 2), scopes, tables)


def load_elsewhere(path: Path) -> Any:
    """Read a network with pyAgrum."""
    import pyagrum

    return pyagrum.loadBN(str(path))


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "STOCHINF_DATA" in os.environ:
            for network, path in networks(folder).items():
                found = best({"ours": partial(si.read_graph, path), "pyAgrum": partial(load_elsewhere, path)}, rounds=5)
                line(f"{network}.bif: pyAgrum / ours ({1e3 * found['ours']:.1f} ms)", found["pyAgrum"] / found["ours"], "1")
        model, path = grid(), folder / "grid.uai"
        si.write_graph(model, path)
        found = best({"read": partial(si.read_graph, path), "write": partial(si.write_graph, model, path)}, rounds=5)
        line(f"{SIDE}x{SIDE} grid.uai: seconds to read", found["read"], "0.2")
        line(f"{SIDE}x{SIDE} grid.uai: seconds to write", found["write"], "0.2")


if __name__ == "__main__":
    main()
