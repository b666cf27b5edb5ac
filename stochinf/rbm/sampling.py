"""Draws from a machine, some units given or none, and what the chains say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.diagnostics.arviz import to_arviz
from stochinf.engine import statistics
from stochinf.engine.driver import Controls, drive
from stochinf.engine.errors import StochinfError
from stochinf.engine.observers import Nothing
from stochinf.engine.session import Plan, Session, build
from stochinf.rbm.chains import BlockGibbs, Temperatures
from stochinf.rbm.machine import Machine

__all__ = ["ChainReport", "based", "chain_report", "conditioned", "draw_rows", "fill_rows", "given_units"]

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
ROWS = 100
NO_ROWS = np.empty((0, 0), np.float32)


class ChainReport(NamedTuple):
    """How well chains of a machine mix.

    Attributes
    ----------
    rhat, ess : dict
        Of the free energy and of the mean of all visible units; R-hat should be below 1.01 and the effective number above 400.
    free_energy, visible_mean : ndarray of shape (chains, draws)
    """

    rhat: dict[str, float]
    ess: dict[str, float]
    free_energy: Floats
    visible_mean: Floats

    def to_arviz(self) -> Any:
        """Return what arviz reads: InferenceData, or a DataTree from version 1 on."""
        return to_arviz({"posterior": {"free_energy": self.free_energy, "visible_mean": self.visible_mean}})


def session_of(machine: Machine, rows: int, warmup: int, entropy: int, given: Singles = NO_ROWS, start: Any = None) -> Session:
    """Return chains that are cooled from the base-rate model during warm-up, or that go on from a start."""
    ramp = np.linspace(0.0, 1.0, warmup // 2 + 2)[1:] if start is None else np.ones(1)
    kernel = BlockGibbs(rows, Temperatures(ramp), 0.0 if start is None else 1.0, given)
    init = None if start is None else np.asarray(start, dtype=np.float32)[None]
    return build(Plan(kernel, machine, None, None, Nothing(), init, 1, 0, 1, False, entropy), 0)


def go_on(session: Session, steps: int, controls: Controls | None = None) -> Singles:
    """Take some steps more; return a copy of the rows."""
    drive(session, session.total + steps, (controls or Controls())._replace(stop=None))
    if session.interrupted:
        raise KeyboardInterrupt
    position: Singles = session.blocks[0].state.position.copy()
    return position


def based(machine: Machine, entropy: int, sweeps: int = 200, start: Any = None) -> Machine:
    """Return the machine with a base-rate model like it: the mean conditional means of chains of its own.

    Chains are cooled from the base-rate model there is, or go on from the rows of `start`, in turn.

    Examples
    --------
    >>> import numpy as np
    >>> from stochinf.rbm.machine import Machine
    >>> from stochinf.rbm.sampling import based
    >>> based(Machine(np.zeros((2, 2)), np.ones(2), np.zeros(2)), 0).base.round(1)
    array([0.9, 0.9], dtype=float32)
    """
    from stochinf.rbm.machine import with_base

    rows = None if start is None else np.resize(start, (ROWS, machine.n_visible))
    session = session_of(machine, ROWS, sweeps, entropy, start=rows)
    go_on(session, sweeps)
    means = np.zeros(machine.n_visible)
    for _ in range(10):
        go_on(session, 5)
        hidden = session.blocks[0].state.sample.astype(float)
        means += machine.visible.mean(hidden @ machine.weights.T.astype(float) + machine.visible_bias).mean(axis=0) / 10
    return with_base(machine, means, ROWS)


def draw_rows(
    machine: Machine, n: int, thin: int, warmup: int, chains: int | None, entropy: int, controls: Controls | None = None
) -> Singles:
    """Return draws of the visible units from chains side by side, each cooled first, every `thin` steps."""
    rows = min(n, chains or ROWS)
    session = session_of(machine, rows, warmup, entropy)
    go_on(session, max(1, warmup), controls)
    kept = [session.blocks[0].state.position.copy()]
    while len(kept) * rows < n:
        kept.append(go_on(session, thin, controls))
    return np.concatenate(kept)[:n]


def chain_report(machine: Machine, chains: int, draws: int, thin: int, warmup: int, entropy: int, start: Any) -> ChainReport:
    """Return R-hat and effective numbers of chains at the machine's own temperature."""
    session = session_of(machine, chains, warmup, entropy, start=start)
    if warmup:
        go_on(session, warmup)
    energy, mean = np.empty((chains, draws)), np.empty((chains, draws))
    for draw in range(draws):
        rows = go_on(session, thin)
        energy[:, draw], mean[:, draw] = -machine.log_density(rows), rows.mean(axis=1, dtype=np.float64)
    named = {"free_energy": energy, "visible_mean": mean}
    return ChainReport(
        {name: statistics.rhat(x) for name, x in named.items()}, {name: statistics.ess_bulk(x) for name, x in named.items()},
        energy, mean,
    )  # fmt: skip


def given_units(given: Mapping[int, float], n_visible: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return columns and values of visible units that are given.

    Raises
    ------
    StochinfError
        If a column is none of the machine's, or nothing is left free.
    """
    try:
        columns = np.array([int(column) for column in given], dtype=np.int64)
        values = np.array([float(value) for value in given.values()])
    except (TypeError, ValueError) as error:
        raise StochinfError(f"given = {given!r}: numbers by column, such as {{3: 1.0}}, are needed") from error
    if columns.size and not 0 <= columns.min() <= columns.max() < n_visible:
        raise StochinfError(f"given: column {columns[(columns < 0) | (columns >= n_visible)][0]}; 0 to {n_visible - 1} are there")
    if columns.size == n_visible:
        raise StochinfError("given: every visible unit is given; at least one must be free")
    if not np.isfinite(values).all():
        raise StochinfError("given: the values must be finite")
    return columns, values


def conditioned(machine: Machine, columns: npt.NDArray[np.int64], values: Floats) -> tuple[Machine, npt.NDArray[np.int64]]:
    r"""Return the machine of the free visible units, and which they are: :math:`c' = c + W_g^\top v_g` for the given ones.

    Raises
    ------
    StochinfError
        If some but not all columns of a unit of several states are given.
    """
    free = np.setdiff1d(np.arange(machine.n_visible), columns)
    states = getattr(machine.visible.units, "n_states", 1)
    groups, counts = np.unique(columns // states, return_counts=True)
    if (counts != states).any():
        group = groups[counts != states][0]
        raise StochinfError(f"given: all {states} columns of unit {group}, from {group * states} on, are needed, or none")
    weights = machine.weights.astype(float)
    log_precision = machine.visible.log_precision
    visible = machine.visible._replace(
        log_precision=log_precision[free] if log_precision.size else log_precision, no_bias=machine.visible.no_bias[free]
    )
    smaller = Machine(
        weights[free], machine.visible_bias[free], machine.hidden_bias + values @ weights[columns], machine.base[free],
        visible, machine.hidden,
    )  # fmt: skip
    return smaller, free


def fill_rows(machine: Machine, X: Floats, draws: int, warmup: int, entropy: int, mean: bool) -> Floats:
    """Return rows with their NaN filled in: the mean of the conditional means of several draws, or one draw.

    Parameters
    ----------
    machine : Machine
    X : ndarray of shape (n, n_visible)
    draws, warmup : int
        Steps that count, and before.
    entropy : int
    mean : bool
    """
    filled = np.array(X, dtype=np.float64)
    rows = np.flatnonzero(np.isnan(filled).any(axis=1))
    for number, part in enumerate(np.array_split(rows, -(-rows.size // 500)) if rows.size else []):
        given = filled[part].astype(np.float32)
        session = session_of(machine, part.size, warmup, entropy + number, given)
        go_on(session, warmup)
        total = np.zeros(given.shape)
        for _ in range(draws if mean else 0):
            go_on(session, 1)
            fields = session.blocks[0].state.sample.astype(float) @ machine.weights.T.astype(float) + machine.visible_bias
            total += machine.visible.mean(fields) / draws
        values = total if mean else session.blocks[0].state.position
        filled[part] = np.where(np.isnan(given), values, filled[part])
    return filled
