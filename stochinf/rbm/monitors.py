r"""What is watched while a machine learns, on a few rows and at a few passes.

- `pseudo_log_likelihood`: mean over the watched rows of the training data (machines of binary visible units);
- `free_energy_gap`: mean free energy of validation rows less that of training rows: it grows where the machine overfits
  (Hinton 2012, section 6);
- `weight_norm`, `update_norm`: Euclidean norms of the weights and of their change since the pass before;
- `chain_rhat`: R-hat of the free energy along short chains that go on from the persistent ones with the weights held fixed;
- `share`: what all looks so far took of the time.

A look is put off to the next pass while the looks took more than a twentieth of the time.

References
----------
Hinton, G. E. (2012). A practical guide to training restricted Boltzmann machines. LNCS 7700, sections 6 and 7.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine import statistics
from stochinf.rbm import likelihood
from stochinf.rbm.parameters import Parameters, unpacked
from stochinf.rbm.units import Bernoulli

__all__ = ["Monitor", "free_energies"]

Floats = npt.NDArray[np.float64]
ROWS = 200
FLIPS = 2**24
"""Exponentials that a pseudo-likelihood may take."""
SWEEPS = 12
CHAINS = 16
SHARE = 0.05


def free_energies(kernel: Any, rows: Floats, parameters: Parameters) -> Floats:
    """Return the free energy of every row, hidden units summed out."""
    weights, visible_bias, hidden_bias, log_precision = (np.asarray(p, dtype=np.float64) for p in parameters)
    base = rows @ visible_bias + kernel.visible.log_base(rows, log_precision)
    return -base - kernel.hidden.log_partition(rows @ weights + hidden_bias)  # type: ignore[no-any-return]


class Monitor:
    """Look at a machine every few passes; `history` maps names to lists, one number for each look.

    Parameters
    ----------
    kernel : ContrastiveDivergence
    rows, validation : ndarray
        Training and validation data, of which the first rows are watched; None for no validation.
    every : int
        Passes between looks.
    verbose : int
        Print what is seen.
    """

    def __init__(self, kernel: Any, rows: Any, validation: Any, every: int, verbose: int = 0) -> None:
        self.kernel, self.every, self.verbose = kernel, every, verbose
        self.rows, self.validation = first_rows(rows), None if validation is None else first_rows(validation)
        self.began, self.spent, self.due = time.perf_counter(), 0.0, every
        self.history: dict[str, list[float]] = {}

    def look(self, state: Any, before: Any, passes: int) -> None:
        """Take a look, if one is due and the looks were not too dear."""
        now = time.perf_counter()
        dear = self.spent > SHARE * (now - self.began)
        if passes < self.due or (dear and self.history):
            return
        self.due = passes + self.every
        found = self.measure(state, before)
        self.spent += time.perf_counter() - now
        found |= {"pass": passes, "share": self.spent / (time.perf_counter() - self.began)}
        for name, value in found.items():
            self.history.setdefault(name, []).append(value)
        if self.verbose:
            print("  ".join(f"{name} {value:.4g}" for name, value in found.items()))

    def measure(self, state: Any, before: Any) -> dict[str, float]:
        """Return what is seen."""
        parameters = unpacked(state.position, self.rows.shape[1])
        change = parameters.weights - unpacked(before, self.rows.shape[1]).weights
        gap = math.nan
        if self.validation is not None:
            energies = [free_energies(self.kernel, rows, parameters).mean() for rows in (self.validation, self.rows)]
            gap = float(energies[0] - energies[1])
        return {
            "pseudo_log_likelihood": self.pseudo(parameters),
            "free_energy_gap": gap,
            "weight_norm": float(np.linalg.norm(parameters.weights)),
            "update_norm": float(np.linalg.norm(change)),
            "chain_rhat": self.rhat(state.chains.sample, parameters),
        }

    def pseudo(self, parameters: Parameters) -> float:
        """Return the mean pseudo-log-likelihood of a few rows; NaN for units that are not binary."""
        if not (isinstance(self.kernel.visible, Bernoulli) and isinstance(self.kernel.hidden, Bernoulli)):
            return math.nan
        rows = self.rows[: max(1, FLIPS // parameters.weights.size)]
        return float(likelihood.pseudo_log_likelihood(rows, parameters).mean())

    def rhat(self, sample: Any, parameters: Parameters) -> float:
        """Return R-hat of the free energy of chains that go on from hidden units drawn; NaN where none persist."""
        if not len(sample):
            return math.nan
        weights, visible_bias, hidden_bias, log_precision = (np.asarray(p, dtype=np.float64) for p in parameters)
        generator = np.random.Generator(np.random.SFC64(0))
        hidden = sample[:CHAINS].astype(np.float64)
        energies = []
        for _ in range(SWEEPS):
            visible = self.kernel.visible.sample(hidden @ weights.T + visible_bias, log_precision, generator)
            energies.append(free_energies(self.kernel, visible, parameters))
            hidden = self.kernel.hidden.sample(visible @ weights + hidden_bias, np.empty(0), generator)
        return float(statistics.rhat(np.array(energies).T)) if len(hidden) > 1 else math.nan


def first_rows(X: Any) -> Floats:
    """Return the rows that are watched, dense."""
    rows = X[:ROWS]
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)
