"""What the estimator's parameters mean: kinds of units, the negative phase, the optimiser."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import is_part
from stochinf.optim.transforms import chain, clip
from stochinf.rbm.checks import number_between, positive_rate, whole
from stochinf.rbm.contrastive import ContrastiveDivergence
from stochinf.rbm.negative import Fast, FromData, Persistent, Tempered
from stochinf.rbm.penalties import Penalties
from stochinf.rbm.steps import Steady
from stochinf.rbm.units import Bernoulli, Spin
from stochinf.rbm.units_choice import Softmax
from stochinf.rbm.units_real import Gaussian, ReLU

__all__ = ["ALGORITHMS", "UNITS", "check_values", "kernel_of", "units_of"]

UNITS = {"bernoulli": Bernoulli, "spin": Spin, "gaussian": Gaussian, "relu": ReLU}
ALGORITHMS = ("cd", "pcd", "fpcd", "pt")
ADDING_UP = 1e-3


def unit_of(layer: str, value: Any) -> Any:
    """Return the kind of units that a name or a part stands for."""
    if isinstance(value, str) and value in UNITS:
        return UNITS[value]()
    if is_part(type(value)) and hasattr(value, "draw_in_place"):
        return value
    names = ", ".join(map(repr, UNITS))
    raise StochinfError(
        f"units: {value!r} for the {layer} layer; one of {names}, or stochinf.rbm.Softmax(n) for units of n states, is needed"
    )


def units_of(units: Any) -> tuple[Any, Any]:
    """Return the kinds of the visible and of the hidden units.

    Raises
    ------
    StochinfError
        If it is no pair of kinds.
    """
    if isinstance(units, str) or not isinstance(units, (tuple, list)) or len(units) != 2:
        raise StochinfError(f"units = {units!r}: a pair is needed, such as ('gaussian', 'bernoulli')")
    visible, hidden = unit_of("visible", units[0]), unit_of("hidden", units[1])
    return visible, hidden


def phase_of(rbm: Any) -> Any:
    """Return the negative phase."""
    if not isinstance(rbm.algorithm, str) or rbm.algorithm not in ALGORITHMS:
        raise StochinfError(f"algorithm = {rbm.algorithm!r}: one of {', '.join(map(repr, ALGORITHMS))} is needed")
    if rbm.algorithm == "cd":
        return FromData()
    chains = whole("n_chains", rbm.n_chains)
    if rbm.algorithm == "pcd":
        return Persistent(chains)
    if rbm.algorithm == "fpcd":
        return Fast(chains)
    return Tempered(chains, whole("n_temperatures", rbm.n_temperatures))


def transform_of(rbm: Any) -> Any:
    """Return what is done to gradients."""
    limit = rbm.clip
    rule = rbm.optimizer
    if rule is None:
        steps = Steady(number_between("momentum", rbm.momentum, 0.0, 0.9999999))
        return steps if limit is None else chain(clip(_limit(limit)), steps)
    if rbm.momentum:
        raise StochinfError(f"momentum = {rbm.momentum!r} beside optimizer = {rule!r}: give the optimiser its own momentum")
    if hasattr(rule, "as_transform"):
        made = rule.as_transform()
    elif is_part(type(rule)) and hasattr(rule, "init") and (hasattr(rule, "apply") or hasattr(rule, "direct")):
        made = rule
    else:
        raise StochinfError(f"optimizer = {rule!r}: a rule such as stochinf.optim.Adam(0.001) or a transform is needed")
    return made if limit is None else chain(clip(_limit(limit)), made)


def _limit(value: Any) -> float:
    return number_between("clip", value, 1e-300, math.inf)


def rate_of(rbm: Any) -> Any:
    """Return the learning rate: the one given, else the optimiser's, else NaN where it is to be chosen (`stochinf.rbm.rates`)."""
    if rbm.learning_rate is not None:
        return positive_rate(rbm.learning_rate)
    own = rbm.optimizer.given_rate() if hasattr(rbm.optimizer, "given_rate") else math.nan
    if hasattr(own, "at"):
        return own
    return own if math.isnan(own) else positive_rate(own)


def kernel_of(rbm: Any, rate: Any) -> ContrastiveDivergence:
    """Return the kernel that the parameters of an estimator describe.

    Raises
    ------
    StochinfError
        If one breaks a rule.
    """
    visible, hidden = units_of(rbm.units)
    target, strength = (0.0, 0.0) if rbm.sparsity_target is None else (rbm.sparsity_target, rbm.sparsity)
    penalties = Penalties(
        number_between("l1", rbm.l1, 0.0, math.inf),
        number_between("l2", rbm.l2, 0.0, math.inf),
        number_between("sparsity_target", target, -math.inf, math.inf),
        number_between("sparsity", strength, 0.0, math.inf),
    )
    n_hidden = whole("n_components", rbm.n_components)
    if isinstance(hidden, Softmax) and n_hidden % hidden.n_states:
        raise StochinfError(f"n_components = {n_hidden}: a multiple of the {hidden.n_states} states of a hidden unit is needed")
    return ContrastiveDivergence(
        n_hidden, whole("k", rbm.k), rate, whole("batch_size", rbm.batch_size), visible, hidden, phase_of(rbm), transform_of(rbm),
        penalties, 1.0 if rbm.centered else 0.0, 0.01, number_between("dropout", rbm.dropout, 0.0, 0.999),
    )  # fmt: skip


def check_values(unit: Any, X: Any) -> Any:
    """Return X, or a copy with values within the bounds of the units, after a warning.

    Raises
    ------
    StochinfError
        If the groups of columns of units of several states do not add up to 1.
    """
    from stochinf.rbm.checks import clipped

    X = clipped(X, *unit.bounds)
    if isinstance(unit, Softmax):
        _check_groups(unit, X)
    return X


def _check_groups(unit: Softmax, X: Any) -> None:
    if X.shape[1] % unit.n_states:
        raise StochinfError(
            f"RBM: {X.shape[1]} columns for units of {unit.n_states} states: a multiple is needed; see rbm.one_hot"
        )
    for first in range(0, X.shape[1], unit.n_states):
        sums: npt.NDArray[np.float64] = np.asarray(X[:, first : first + unit.n_states].sum(axis=1), dtype=np.float64).ravel()
        if (np.abs(sums - 1.0) > ADDING_UP).any():
            row = int(np.abs(sums - 1.0).argmax())
            raise StochinfError(
                f"RBM: columns {first} to {first + unit.n_states - 1} of row {row} add up to {sums[row]:g}, and a unit of"
                f" {unit.n_states} states has one of them at 1; see stochinf.rbm.one_hot"
            )
