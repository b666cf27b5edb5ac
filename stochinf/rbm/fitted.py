"""What a fitted machine can do beside features: draws, conditioning, imputing, likelihoods, the factor graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_array

from stochinf.engine.convert import counted
from stochinf.engine.driver import Controls
from stochinf.engine.errors import StochinfError
from stochinf.engine.progress import shown
from stochinf.engine.streams import entropy_of
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.rbm import likelihood, partition, sampling
from stochinf.rbm.answers import LogLikelihood, LogPartition
from stochinf.rbm.as_graph import factor_graph
from stochinf.rbm.exact import binary_form
from stochinf.rbm.fields import layer
from stochinf.rbm.machine import Machine, with_base
from stochinf.rbm.parameters import Parameters
from stochinf.rbm.partition import binarised
from stochinf.rbm.sampling import ChainReport

__all__ = ["Fitted"]

Floats = npt.NDArray[np.float64]


class Fitted:
    """Methods of a machine that has parameters; the estimator adds how they are learnt."""

    units: Any
    _parameters: Any
    _layers: Any
    _set_parameters: Any

    @classmethod
    def from_arrays(
        cls,
        weights: npt.ArrayLike,
        visible_bias: npt.ArrayLike,
        hidden_bias: npt.ArrayLike,
        units: tuple[Any, Any] = ("bernoulli", "bernoulli"),
        log_precision: npt.ArrayLike | None = None,
    ) -> Self:
        """Return a machine with given parameters, as if it had been fitted.

        Parameters
        ----------
        weights : array_like of shape (n_components, n_features)
        visible_bias : array_like of shape (n_features,)
        hidden_bias : array_like of shape (n_components,)
        units : pair of str
            Kinds of visible and of hidden units.
        log_precision : array_like of shape (n_features,), optional
            Of visible units that have a precision.

        Raises
        ------
        StochinfError
            If the shapes do not fit, or a number is not finite.

        Examples
        --------
        >>> import numpy as np
        >>> import stochinf as si
        >>> si.RBM.from_arrays(np.ones((1, 2)), np.zeros(2), np.zeros(1)).transform([[1.0, 1.0]]).round(2)
        array([[0.88]], dtype=float32)
        """
        w, b, c = (np.array(array, dtype=np.float64) for array in (weights, visible_bias, hidden_bias))
        if w.ndim != 2 or b.shape != w.shape[1:] or c.shape != w.shape[:1] or not w.size:
            raise StochinfError(
                f"from_arrays: weights {w.shape}, visible_bias {b.shape}, hidden_bias {c.shape};"
                " (n_components, n_features), (n_features,), (n_components,) are needed"
            )
        if not all(np.isfinite(array).all() for array in (w, b, c)):
            raise StochinfError("from_arrays: weights and biases must be finite")
        made = cls(len(w), units=units)  # type: ignore[call-arg]
        made._set_parameters(w, b, c, None if log_precision is None else np.array(log_precision, dtype=np.float64))
        return made

    def machine(self) -> Machine:
        """Return the machine as a target for chains of your own; see `stochinf.rbm.BlockGibbs`."""
        weights, visible_bias, hidden_bias, *rest = self._parameters()
        visible, hidden = self._layers()
        log_precision = rest[0] if rest and np.size(rest[0]) else np.zeros(visible_bias.size if visible.has_precision else 0)
        made = Machine(
            np.array(weights, np.float32), np.array(visible_bias, np.float32), np.array(hidden_bias, np.float32),
            visible=layer(visible, visible_bias.size, log_precision), hidden=layer(hidden, hidden_bias.size),
        )  # fmt: skip
        means = getattr(self, "visible_mean_", None)
        return made if means is None else with_base(made, means, 1e6)

    def sample(
        self,
        n: int,
        given: Mapping[int, float] | None = None,
        *,
        thin: int = 10,
        warmup: int = 200,
        chains: int | None = None,
        rng: Any = None,
        progress: bool | None = None,
    ) -> npt.NDArray[np.float32]:
        """Draw visible units.

        Chains start at the base-rate model, are cooled over the first half of `warmup`, and give a row each every `thin` steps.

        Parameters
        ----------
        n : int
        given : dict, optional
            Values of visible units by column; the others are drawn given these.
        thin, warmup : int
            Block Gibbs steps between rows of a chain, and before the first.
        chains : int, optional
            Side by side, at most n; 100 by default. Rows of different chains are independent.
        rng : int, SeedSequence, Generator or None
        progress : bool, optional

        Returns
        -------
        ndarray of shape (n, n_features)

        Examples
        --------
        >>> import numpy as np
        >>> import stochinf as si
        >>> rbm = si.RBM.from_arrays([[4.0, 4.0]], [-2.0, -2.0], [-2.0])
        >>> rbm.sample(500, rng=0).shape, bool(rbm.sample(500, {0: 1.0}, rng=0)[:, 1].mean() > 0.6)
        ((500, 2), True)
        """
        n, thin, warmup = counted("n", n), counted("thin", thin), counted("warmup", warmup)
        chains = None if chains is None else counted("chains", chains)
        machine, controls, entropy = self.machine(), Controls(progress=shown(progress)), entropy_of(rng)
        if not given:
            return sampling.draw_rows(machine, n, thin, warmup, chains, entropy, controls)
        columns, values = sampling.given_units(given, machine.n_visible)
        smaller, free = sampling.conditioned(machine, columns, values)
        rows = np.empty((n, machine.n_visible), np.float32)
        rows[:, columns] = values
        rows[:, free] = sampling.draw_rows(smaller, n, thin, warmup, chains, entropy, controls)
        return rows

    def condition(self, given: Mapping[int, float]) -> Self:
        """Return the machine of the other visible units given some: the same weights, hidden biases c + W' v.

        Parameters
        ----------
        given : dict
            Values of visible units by column.

        Returns
        -------
        RBM
            Its columns are those that are free, in order.

        Examples
        --------
        >>> import stochinf as si
        >>> si.RBM.from_arrays([[4.0, 4.0]], [-2.0, -2.0], [-2.0]).condition({0: 1.0}).hidden_bias_
        array([2.])
        """
        machine = self.machine()
        smaller, _ = sampling.conditioned(machine, *sampling.given_units(given, machine.n_visible))
        log_precision = smaller.visible.log_precision
        return self.from_arrays(
            smaller.weights.T,
            smaller.visible_bias,
            smaller.hidden_bias,
            self.units,
            log_precision if log_precision.size else None,
        )

    def impute(self, X: npt.ArrayLike, *, draws: int = 200, warmup: int = 200, how: str = "mean", rng: Any = None) -> Floats:
        """Fill in what is NaN, given the rest of its row.

        Parameters
        ----------
        X : array_like of shape (n, n_features)
        draws, warmup : int
            Block Gibbs steps that count, and before; each row has a chain of its own.
        how : {"mean", "draw"}
            The mean of the missing units given the others, or one draw of them all together.
        rng : int, SeedSequence, Generator or None

        Returns
        -------
        ndarray of shape (n, n_features)

        Examples
        --------
        >>> import numpy as np
        >>> import stochinf as si
        >>> rbm = si.RBM.from_arrays([[6.0, 6.0]], [-3.0, -3.0], [-3.0])
        >>> rbm.impute([[1.0, np.nan], [0.0, np.nan]], draws=5000, rng=0)[:, 1].round(1)
        array([1. , 0.5])
        """
        if how not in ("mean", "draw"):
            raise StochinfError(f"impute: how = {how!r}; 'mean' or 'draw' is needed")
        rows, machine = self._rows(X, missing=True), self.machine()
        return sampling.fill_rows(
            machine, rows, counted("draws", draws), counted("warmup", warmup), entropy_of(rng), how == "mean"
        )

    def reconstruct(self, X: npt.ArrayLike) -> Floats:
        """Return the means of the visible units given the means of the hidden ones, given each row.

        Examples
        --------
        >>> import stochinf as si
        >>> si.RBM.from_arrays([[0.0, 0.0]], [0.0, 0.0], [0.0]).reconstruct([[1, 0]])
        array([[0.5, 0.5]])
        """
        machine = self.machine()
        hidden = machine.hidden.mean(self._rows(X) @ machine.weights.astype(float) + machine.hidden_bias)
        means: Floats = machine.visible.mean(hidden @ machine.weights.T.astype(float) + machine.visible_bias)
        return means

    def pseudo_log_likelihood(self, X: npt.ArrayLike) -> Floats:
        r"""Return :math:`\sum_i \log p(v_i | v_{-i})` of every row, every visible unit flipped in turn.

        Parameters
        ----------
        X : array_like of shape (n, n_features)

        Raises
        ------
        StochinfError
            If a unit has other than two values.

        Examples
        --------
        >>> import stochinf as si
        >>> spins = si.RBM.from_arrays([[1.0, -1.0]], [0.0, 0.0], [0.0], ("spin", "spin"))
        >>> spins.pseudo_log_likelihood([[1, -1], [1, 1]]).round(3)
        array([-0.471, -3.121])
        """
        rows, form = self._rows(X), binary_form(self.machine())
        if form is None:
            raise StochinfError(f"pseudo_log_likelihood: units = {self.units!r}; units of two values are needed")
        low, high = self._layers()[0].bounds
        return likelihood.pseudo_log_likelihood((rows - low) / (high - low), Parameters(*form[:3]))

    def log_partition(
        self,
        method: str = "auto",
        *,
        particles: int = 100,
        temperatures: Any = None,
        reverse: bool = True,
        ladders: int = 8,
        rungs: int | None = None,
        sweeps: int = 2000,
        rng: Any = None,
        progress: bool | None = None,
    ) -> LogPartition:
        r"""Return the log partition function :math:`\log \sum_{v, h} \exp(\ldots)`.

        Parameters
        ----------
        method : {"auto", "exact", "ais", "tempering"}
            "auto" lists states where one side has at most 24 units, else anneals, and where that warns tempers, and anneals
            from the base-rate model that tempering found: the answer of smaller error, unless these two disagree.
        particles, temperatures, reverse : optional
            Of annealing: how many particles; a number of temperatures, spaced by a pilot run (None: 5000), or all of them, or
            "literature", the 14,500 of Salakhutdinov and Murray (2008); whether to anneal from the other end too.
        ladders, rungs, sweeps : optional
            Of tempering: independent ladders, temperatures of each (None: as a pilot run finds), sweeps that count.
        rng : int, SeedSequence, Generator or None
        progress : bool, optional

        Returns
        -------
        LogPartition
            `value`, `mcse`, `ess`, `reverse`, `spread`, `warnings`, `reason`.

        Examples
        --------
        >>> import numpy as np
        >>> import stochinf as si
        >>> rbm = si.RBM.from_arrays(np.random.default_rng(0).normal(size=(5, 4)), np.zeros(4), np.zeros(5))
        >>> z = rbm.log_partition("ais", temperatures=100, rng=0)
        >>> bool(abs(z.value - rbm.log_partition().value) < 4 * z.mcse < 0.5), z.warnings
        (True, ())
        """
        asked = partition.Asked(
            particles=counted("particles", particles, least=2), temperatures=temperatures, reverse=bool(reverse),
            ladders=counted("ladders", ladders, least=2), rungs=rungs, sweeps=counted("sweeps", sweeps, least=8),
        )  # fmt: skip
        known = getattr(self, "visible_mean_", None) is not None
        return partition.answered(self.machine(), method, asked, known, entropy_of(rng), Controls(progress=shown(progress)))

    def log_likelihood(
        self, X: npt.ArrayLike, *, binarise: str | None = None, partition: LogPartition | None = None, rng: Any = None
    ) -> LogLikelihood:
        """Return the mean log likelihood of rows in nats, with its uncertainty.

        Parameters
        ----------
        X : array_like of shape (n, n_features)
        binarise : {None, "threshold", "sample"}
            For values between those of units 0 or 1: above one half is 1, or 1 with the chance that the value is. None takes
            rows as they are, and refuses values between. Likelihoods of differently binarised data do not compare.
        partition : LogPartition, optional
            From `log_partition`; estimated anew by default.
        rng : int, SeedSequence, Generator or None

        Examples
        --------
        >>> import numpy as np
        >>> import stochinf as si
        >>> rbm = si.RBM.from_arrays(np.zeros((1, 2)), np.zeros(2), np.zeros(1))
        >>> rbm.log_likelihood([[0.2, 0.9]], binarise="threshold").binarisation
        'thresholded at 0.5'
        """
        machine, entropy = self.machine(), entropy_of(rng)
        rows, how = binarised(machine, self._rows(X), binarise, entropy)
        z = self.log_partition(rng=entropy) if partition is None else partition
        values = machine.log_density(rows) - z.value
        spread = float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else float("nan")
        return LogLikelihood(
            value=float(values.mean()), mcse=z.mcse, standard_error=spread, binarisation=how, rows=values.size, partition=z
        )

    def diagnose(
        self, chains: int = 8, draws: int = 500, *, thin: int = 1, warmup: int = 200, start: Any = None, rng: Any = None
    ) -> ChainReport:
        """Return R-hat and effective numbers of chains of the machine: whether its negative phase can be trusted.

        Parameters
        ----------
        chains, draws, thin, warmup : int
        start : array_like of shape (chains, n_features), optional
            Where the chains start, for example at rows of data; by default they are cooled from the base-rate model.
        rng : int, SeedSequence, Generator or None

        Returns
        -------
        ChainReport
            `rhat`, `ess`, and `to_arviz()`.

        Examples
        --------
        >>> import stochinf as si
        >>> report = si.RBM.from_arrays([[0.5, 0.5]], [0.0, 0.0], [0.0]).diagnose(4, 200, rng=0)
        >>> report.rhat["free_energy"] < 1.05, report.to_arviz().posterior["free_energy"].shape
        (True, (4, 200))
        """
        machine = self.machine()
        rows = None if start is None else self._rows(start)
        if rows is not None and len(rows) != chains:
            raise StochinfError(f"diagnose: start has {len(rows)} rows; one for each of {chains} chains is needed")
        warmup = counted("warmup", warmup, least=0 if rows is not None else 1)
        numbers = counted("chains", chains), counted("draws", draws, least=4), counted("thin", thin), warmup
        return sampling.chain_report(machine, *numbers, entropy_of(rng), rows)

    def to_factor_graph(self) -> FactorGraph:
        """Return the joint distribution of all units as a factor graph, for `map_state`, `marginals` and the like.

        Variables are ("v", i) and ("h", j); their states are the units' values, or 0..q-1 for units of q states.

        Raises
        ------
        StochinfError
            If units are real-valued.

        Examples
        --------
        >>> import stochinf as si
        >>> graph = si.RBM.from_arrays([[2.0, -2.0]], [0.0, 0.0], [0.5]).to_factor_graph()
        >>> si.map_state(graph).state
        {('v', 0): 1, ('v', 1): 0, ('h', 0): 1}
        """
        return factor_graph(self.machine())

    def _rows(self, X: Any, missing: bool = False) -> Floats:
        """Return rows as a matrix of as many columns as there are visible units."""
        dense = X.toarray() if hasattr(X, "toarray") else X
        try:
            rows: Floats = check_array(dense, dtype=np.float64, ensure_all_finite="allow-nan" if missing else True)
        except ValueError as error:
            raise StochinfError(str(error)) from error
        width = self._parameters()[1].size
        if rows.shape[1] != width:
            raise StochinfError(f"X has {rows.shape[1]} columns; the machine has {width} visible units")
        return rows
