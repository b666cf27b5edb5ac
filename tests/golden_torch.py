"""Trajectories and schedules that PyTorch 2.15 recorded (tests/data/optim), and the problems that they are of."""

import json
import lzma
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data" / "optim" / "golden_torch.json.xz"
TORCH = json.loads(lzma.decompress(DATA.read_bytes()))
A, B, X0, STREAM = (np.array(TORCH[name]) for name in ("A", "b", "x0", "grad_stream"))


def quadratic(x):
    return A @ x - B


def rosenbrock(x):
    g = np.zeros_like(x)
    d = x[1:] - x[:-1] ** 2
    g[1:] += 200 * d
    g[:-1] += -400 * d * x[:-1] - 2 * (1 - x[:-1])
    return g / 100


PROBLEMS = {"quad": quadratic, "rosen": rosenbrock, "stream": STREAM}
"""Two functions of a position, and gradients whose columns are of sizes 1, 1e-3, 1e3, 1, 1e-8 and 0."""


def error(path, reference):
    """The largest difference, relative to one plus the reference."""
    return np.max(np.abs(path - reference) / (1 + np.abs(reference)))
