"""`learn_potts`: the front door to Potts and Ising models of sequences."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.api.minimizing import minimize
from stochinf.engine.convert import counted
from stochinf.engine.driver import Report
from stochinf.engine.errors import ConvergenceWarning, StochinfError
from stochinf.engine.parts import is_part
from stochinf.engine.stop import Rule, epochs, steps
from stochinf.engine.streams import entropy_of
from stochinf.learning.structure.alignment import Alignment, as_alignment, sequence_weights
from stochinf.learning.structure.inversion import potts_mean_field
from stochinf.learning.structure.learnt import LearntPotts, tables_of
from stochinf.learning.structure.potts_learning import RATE, PottsContrastive
from stochinf.learning.structure.potts_pseudo import potts_pseudo_likelihood
from stochinf.learning.structure.shares import checked_weights, pair_shares
from stochinf.learning.structure.training import train
from stochinf.optim.full_batch import LBFGS
from stochinf.optim.transforms import Identity

__all__ = ["learn_potts"]

Floats = npt.NDArray[np.float64]

FLAT = 1e-3
METHODS = ("pcd", "pseudo-likelihood", "mean-field")


class Question(NamedTuple):
    """What is asked, checked.

    Attributes
    ----------
    alignment : Alignment
    weights : ndarray of shape (N,)
    pseudocount, l2 : float or None
    optimizer, learning_rate : rule and rate, or None
    chains, sweeps, max_steps : int
    target : float
    entropy : int
    progress : bool or None
    callback : callable or None
    """

    alignment: Alignment
    weights: Floats
    pseudocount: float | None
    l2: float | None
    optimizer: Any
    learning_rate: Any
    chains: int
    sweeps: int
    max_steps: int | None
    target: float
    entropy: int
    progress: bool | None
    callback: Callable[[Report], Any] | None


def learn_potts(
    sequences: Any,
    method: str = "pcd",
    *,
    alphabet: str | None = None,
    n_states: int | None = None,
    identity: float = 0.8,
    sample_weight: Any = None,
    pseudocount: float | None = None,
    l2: float | None = None,
    optimizer: Any = None,
    learning_rate: Any = None,
    chains: int = 2048,
    sweeps: int = 1,
    max_steps: int | None = None,
    target: float = 0.95,
    rng: Any = None,
    progress: bool | None = None,
    callback: Callable[[Report], Any] | None = None,
) -> LearntPotts:
    r"""Learn the Potts model of aligned sequences, a coupling between every two sites; with two states an Ising model.

    .. math:: p(x) \propto \exp\Big(\sum_i h_i(x_i) + \sum_{i < j} J_{ij}(x_i, x_j)\Big)

    - "pcd": maximum likelihood by persistent chains (`stochinf.learning.PottsContrastive`), until the connected shares of pairs
      of states in the chains correlate with those of the data as `target` asks;
    - "pseudo-likelihood": every site given the others, penalised (`stochinf.learning.potts_pseudo_likelihood`);
    - "mean-field": the inverse of the covariances, with a pseudocount as strong as the data
      (`stochinf.learning.potts_mean_field`).

    Parameters
    ----------
    sequences : path, Alignment, list of str, or array of shape (N, L)
        A FASTA file, letters, or state numbers 0 to q - 1.
    method : {"pcd", "pseudo-likelihood", "mean-field"}
        How.
    alphabet : str, optional
        "protein", "rna", "dna" or letters; by default the smallest that fits.
    n_states : int, optional
        How many there are, q, for state numbers.
    identity : float
        Sequences that agree at this share of their sites count as one; above 1 each counts 1.
    sample_weight : array_like of shape (N,), optional
        Weights in place of these.
    pseudocount : float, optional
        From 0 to 1. By default one over the effective number of sequences, 0.5 for mean field; pseudo-likelihood takes none.
    l2 : float, optional
        Penalty l2/2 |J|^2; by default 0 for "pcd" and 0.01 for pseudo-likelihood, which penalises biases alike.
    optimizer : rule or transform, optional
        Any of `stochinf.optim`'s by gradients; by default plain steps for "pcd", L-BFGS for pseudo-likelihood.
    learning_rate : float or schedule, optional
        The optimiser's own, or 0.3.
    chains, sweeps : int
        Persistent chains (a multiple of 64 is taken), and their Gibbs sweeps in a step.
    max_steps : int, optional
        Steps at most: by default 2000, of L-BFGS 200; of other optimisers of the pseudo-likelihood 20 passes.
    target : float
        Pearson correlation at which "pcd" ends. What chance leaves between finite chains and the data bounds it from above.
    rng : int, SeedSequence, Generator or None
        The same seed gives the same bits.
    progress : bool, optional
        Show progress; by default in a terminal or a notebook only.
    callback : callable, optional
        Called with a `Report` between chunks; a true answer stops.

    Returns
    -------
    LearntPotts
        `biases` and `couplings` in the zero-sum gauge, `contacts()`, `sample()`, `agreement()`, `graph`, `history`, `reason`.

    Raises
    ------
    StochinfError
        If an argument breaks a rule; a letter or number that is no state is named with its sequence and site.

    Warns
    -----
    ConvergenceWarning
        If couplings ran away (the last good ones are kept) or the steps did not reach the target.

    References
    ----------
    Figliuzzi, M., Barrat-Charlaix, P. and Weigt, M. (2018). Molecular Biology and Evolution 35(4).
    Ekeberg, M. et al. (2013). Phys. Rev. E 87, 012707.
    Morcos, F. et al. (2011). PNAS 108(49).

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> generator = np.random.default_rng(0)
    >>> rows = generator.integers(0, 3, (500, 6))
    >>> rows[:, 5] = np.where(generator.random(500) < 0.8, rows[:, 0], rows[:, 5])
    >>> learnt = si.learn_potts(rows, "mean-field", identity=2)
    >>> learnt.contacts(1)[0][:2]
    (0, 5)
    """
    if method not in METHODS:
        raise StochinfError(f"method = {method!r}: one of {', '.join(map(repr, METHODS))} is needed")
    alignment = as_alignment(sequences, alphabet, n_states)
    if alignment.states.shape[1] < 2:
        raise StochinfError("learn_potts: sequences of one site; at least two are needed for a coupling")
    if not 0 < target <= 1:
        raise StochinfError(f"target = {target}; a correlation above 0 and at most 1 is needed")
    if l2 is not None and not 0 <= l2 < math.inf:
        raise StochinfError(f"l2 = {l2}; a finite number of at least 0 is needed")
    weights = sequence_weights(alignment, identity) if sample_weight is None else sample_weight
    most = None if max_steps is None else counted("max_steps", max_steps)
    asked = Question(
        alignment, checked_weights(weights, len(alignment.states)), pseudocount, l2, optimizer, learning_rate,
        counted("chains", chains), counted("sweeps", sweeps), most, target, entropy_of(rng), progress, callback,
    )  # fmt: skip
    return {"pcd": by_chains, "pseudo-likelihood": by_pseudo_likelihood, "mean-field": by_mean_field}[method](asked)


def by_chains(asked: Question) -> LearntPotts:
    """Learn by persistent chains."""
    shares = pair_shares(asked.alignment, sample_weight=asked.weights, pseudocount=asked.pseudocount)
    rule = asked.optimizer
    if rule is not None and not is_part(type(rule)):
        raise StochinfError(f"optimizer = {rule!r}: a rule such as stochinf.optim.Adam(0.01) or a transform is needed")
    transform = Identity() if rule is None else rule.as_transform() if hasattr(rule, "as_transform") else rule
    rate = asked.learning_rate
    if rate is None:
        rate = rule.given_rate() if hasattr(rule, "given_rate") else RATE
    kernel = PottsContrastive(asked.chains, asked.sweeps, rate, transform, 0.0 if asked.l2 is None else asked.l2)
    trained = train(
        kernel, shares, start=None, wanted=asked.target, most=asked.max_steps or 2000, entropy=asked.entropy,
        progress=asked.progress, callback=asked.callback,
    )  # fmt: skip
    warn(trained.failed, trained.converged, trained.reason, trained.history["pearson"], asked.target)
    q, size = shares.n_states, shares.single.size
    position = trained.position.astype(np.float64)
    return LearntPotts(
        position[:size].reshape(-1, q), tables_of(position[size:].reshape(size, size), q), asked.alignment, asked.weights,
        method="pcd", reason=trained.reason, converged=trained.converged, history=trained.history,
        entropy=asked.entropy,
    )  # fmt: skip


def warn(failed: bool, converged: bool, reason: str, correlations: list[float], target: float) -> None:
    """Warn of couplings that ran away, and of a target that was not reached."""
    if failed:
        warnings.warn(
            f"learn_potts: {reason}; those of the last look are kept. A lower learning_rate, a larger pseudocount or l2 helps",
            ConvergenceWarning,
            stacklevel=5,
        )
    elif not converged:
        best = f"the best correlation was {max(correlations):.3f}, " if correlations else ""
        warnings.warn(
            f"learn_potts: {reason}; {best}{target:g} was asked for. More steps, or more chains (less noise), may reach it",
            ConvergenceWarning,
            stacklevel=5,
        )


def by_pseudo_likelihood(asked: Question) -> LearntPotts:
    """Learn every site given the others."""
    strength = 0.01 if asked.l2 is None else asked.l2
    rule = asked.optimizer
    if asked.learning_rate is not None:
        if rule is None or "learning_rate" not in getattr(rule, "_fields", ()):
            raise StochinfError(f"learning_rate = {asked.learning_rate!r} with optimizer = {rule!r}: give a rule that has a rate")
        rule = rule._replace(learning_rate=asked.learning_rate)
    problem = potts_pseudo_likelihood(asked.alignment, asked.weights, strength, strength)
    end = steps(asked.max_steps or 200) | flat() if rule is None else steps(asked.max_steps) if asked.max_steps else epochs(20)
    found = minimize(
        problem, LBFGS() if rule is None else rule, stop=end, rng=asked.entropy, progress=asked.progress, callback=asked.callback
    )
    q, size = problem.n_states, problem.fields.size
    history = {"step": [float(step) for step, _ in found.history], "objective": [float(value) for _, value in found.history]}
    return LearntPotts(
        found.x[:size].reshape(-1, q), tables_of(found.x[size:].reshape(size, size), q), asked.alignment, asked.weights,
        method="pseudo-likelihood", reason=found.reason, converged=bool(found.success), history=history, entropy=asked.entropy,
    )  # fmt: skip


def flat() -> Rule:
    """Return the rule that ends L-BFGS where its gradient is short beside the first."""

    def look(view: Any) -> str:
        _, norm, _, first, _ = view.blocks[0].state.stats
        return f"the gradient's norm fell from {first:.3g} to {norm:.3g}" if norm <= FLAT * first else ""

    return Rule(look, lambda view: view.step + 1, lambda view: True)


def by_mean_field(asked: Question) -> LearntPotts:
    """Learn by inverting the covariances."""
    strength = 0.5 if asked.pseudocount is None else asked.pseudocount
    biases, couplings = potts_mean_field(pair_shares(asked.alignment, sample_weight=asked.weights, pseudocount=strength))
    return LearntPotts(
        biases, couplings, asked.alignment, asked.weights, method="mean-field",
        reason=f"inverse covariances, pseudocount {strength:g}", converged=True, history={}, entropy=asked.entropy,
    )  # fmt: skip
