r"""Estimates of the gradient of the potential energy :math:`U = n f` from minibatches, for every stochastic-gradient sampler.

With :math:`g_S` the mean gradient over the rows of a minibatch S, :math:`\hat\theta` a fixed point and :math:`\tilde\theta` the
position of some steps ago, the estimates of :math:`\nabla U` are

.. math::
    \text{Minibatch:} \quad & n \, g_S(\theta) \\
    \text{ControlVariates:} \quad & n \left( g_S(\theta) - g_S(\hat\theta) + \nabla f(\hat\theta) \right) \\
    \text{SVRG:} \quad & n \left( g_S(\theta) - g_S(\tilde\theta) + \nabla f(\tilde\theta) \right).

All are unbiased. The factor n (n / B times the sum over B rows) is applied here, in `scaled`, and nowhere else.

References
----------
Welling, M. and Teh, Y. W. (2011). Bayesian learning via stochastic gradient Langevin dynamics. ICML, equation (4).
Baker, J., Fearnhead, P., Fox, E. B. and Nemeth, C. (2019). Control variates for stochastic gradient MCMC. Statistics and
Computing 29, equation (6).
Dubey, K. A. et al. (2016). Variance reduction in stochastic gradient Langevin dynamics. NIPS 29, algorithm 2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.diagnostics.near_mode import found_mode, mean_gradient
from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import is_part, part
from stochinf.mcmc.batches import batch_gradient
from stochinf.models.batch import size_of
from stochinf.optim.contract import NoMemory

__all__ = ["SVRG", "ControlVariates", "Minibatch", "check_estimator", "points_of"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

EMPTY = np.empty(0)


class CentreMemory(NamedTuple):
    """The memory of control variates.

    Attributes
    ----------
    centre, whole, there : ndarray of shape (dim,)
        The fixed point, the mean gradient of all rows there, that of a minibatch there.
    """

    centre: Floats
    whole: Floats
    there: Floats


class SnapshotMemory(NamedTuple):
    """The memory of SVRG.

    Attributes
    ----------
    centre, whole, there : ndarray of shape (dim,)
        The position of the last snapshot, the mean gradient of all rows there, that of a minibatch there.
    rows : ndarray of shape (n,)
        All rows.
    steps : ndarray of shape (1,)
        Steps done.
    """

    centre: Floats
    whole: Floats
    there: Floats
    rows: Integers
    steps: Integers


@helper()
def scaled(out: Floats, n_points: int) -> None:
    """Make the gradient of the potential energy of the mean gradient of a batch: N / B times the sum over its B rows."""
    for j in range(out.size):
        out[j] *= n_points


@helper()
def against_centre(target: Any, memory: Any, position: Floats, point: Any, out: Floats) -> None:
    """Write the mean gradient of a batch less its own at the centre, plus that of all rows there."""
    batch_gradient(target, position, point, out)
    batch_gradient(target, memory.centre, point, memory.there)
    for j in range(out.size):
        out[j] += memory.whole[j] - memory.there[j]


def points_of(asker: str, given: int, target: Any) -> int:
    """Return the number of points: the one given, else the target's.

    Raises
    ------
    StochinfError
        If neither says.
    """
    n = given or int(getattr(target, "n_points", 0))
    if n < 1:
        raise StochinfError(f"{asker}: {n} points; give n_points, or a {type(target).__name__} that has them")
    return n


def check_estimator(asker: str, estimator: Any) -> None:
    """Demand a part with `begin` and `estimate`.

    Raises
    ------
    StochinfError
        Naming who asked and what was given.
    """
    if not (is_part(type(estimator)) and hasattr(estimator, "begin") and hasattr(estimator, "estimate")):
        raise StochinfError(
            f"{asker}: estimator = {estimator!r}; stochinf.mcmc.Minibatch(), ControlVariates() or SVRG() is needed"
        )


@part(noisy=True)
class Minibatch(NamedTuple):
    """The gradient of a minibatch, times n.

    Parameters
    ----------
    n_points : int
        Number of points, n; 0 takes the target's.

    Examples
    --------
    >>> import numpy as np
    >>> import stochinf as si
    >>> target = si.models.LogisticRegression([[1.0], [2.0]], [0, 1]).as_target()
    >>> estimator, out = si.mcmc.Minibatch().prepare(target), np.empty(1)
    >>> estimator.estimate(target, estimator.begin(target, np.zeros(1)), np.zeros(1), np.array([1]), out)
    >>> out
    array([-2.])
    """

    n_points: int = 0

    def prepare(self, target: Any) -> Minibatch:
        """Take the number of points from the target."""
        return Minibatch(points_of("Minibatch", self.n_points, target))

    def begin(self, target: Any, start: Floats) -> NoMemory:
        """Return the memory of a chain."""
        return NoMemory(np.zeros(0))

    def estimate(self, target: Any, memory: NoMemory, position: Floats, point: Any, out: Floats) -> None:
        """Write the estimate."""
        batch_gradient(target, position, point, out)
        scaled(out, self.n_points)


@part(noisy=False)
class ControlVariates(NamedTuple):
    """The gradient of a minibatch corrected by that at a fixed point, the mode.

    Near the fixed point the noise of minibatches all but vanishes: its variance falls with the squared distance.

    Parameters
    ----------
    centre : array of shape (dim,)
        The fixed point; left out, the mode is searched by L-BFGS, which needs `objective` and `full_gradient` of the target.
    n_points : int
        Number of points, n; 0 takes the target's.

    Raises
    ------
    StochinfError
        If the centre has another length than the target's positions, or none was given and the target cannot be minimised.

    References
    ----------
    Baker, J., Fearnhead, P., Fox, E. B. and Nemeth, C. (2019). Control variates for stochastic gradient MCMC, section 2.2.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> kernel = si.mcmc.SGLD(0.1, estimator=si.mcmc.ControlVariates())
    >>> si.sample(model, draws=200, warmup=50, chains=2, kernel=kernel, rng=0)["coefficients"].shape
    (2, 200, 2)
    """

    centre: Floats = EMPTY
    n_points: int = 0

    def prepare(self, target: Any) -> ControlVariates:
        """Take the number of points from the target, and search the mode where no centre was given."""
        n = points_of("ControlVariates", self.n_points, target)
        if not self.centre.size:
            return ControlVariates(found_mode("ControlVariates", target), n)
        dim = int(getattr(target, "dim", self.centre.size))
        if self.centre.shape != (dim,):
            raise StochinfError(
                f"ControlVariates: centre has shape {self.centre.shape}; {type(target).__name__} has {dim} dimensions"
            )
        return ControlVariates(self.centre, n)

    def begin(self, target: Any, start: Floats) -> CentreMemory:
        """Return the memory of a chain: the mean gradient of all rows at the centre."""
        whole = np.zeros(self.centre.size)
        mean_gradient(target, self.centre, np.arange(self.n_points), whole)
        return CentreMemory(self.centre.copy(), whole, np.zeros(self.centre.size))

    def estimate(self, target: Any, memory: CentreMemory, position: Floats, point: Any, out: Floats) -> None:
        """Write the estimate."""
        against_centre(target, memory, position, point, out)
        scaled(out, self.n_points)


@part(noisy=False)
class SVRG(NamedTuple):
    """The gradient of a minibatch corrected by that at the position of some steps ago, where all rows are visited.

    Parameters
    ----------
    period : int
        Steps between two visits to all rows, which are not counted as steps; 0 takes two passes over the data.
    n_points : int
        Number of points, n; 0 takes the target's.

    References
    ----------
    Dubey, K. A. et al. (2016). Variance reduction in stochastic gradient Langevin dynamics. NIPS 29, algorithm 2.

    Examples
    --------
    >>> import stochinf as si
    >>> model = si.models.LogisticRegression([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 0.0]], [1, 0, 0, 1], l2=0.1)
    >>> kernel = si.mcmc.SGLD(0.1, estimator=si.mcmc.SVRG())
    >>> si.sample(model, draws=200, warmup=50, chains=2, kernel=kernel, rng=0)["coefficients"].shape
    (2, 200, 2)
    """

    period: int = 0
    n_points: int = 0

    def checked(self) -> SVRG:
        """Check the period."""
        if self.period < 0:
            raise StochinfError(f"SVRG: period = {self.period}; a number of steps is needed, 0 for two passes")
        return self

    def prepare(self, target: Any) -> SVRG:
        """Take the number of points from the target."""
        return SVRG(self.period, points_of("SVRG", self.n_points, target))

    def begin(self, target: Any, start: Floats) -> SnapshotMemory:
        """Return the memory of a chain; the first step takes the first snapshot."""
        rows = np.arange(self.n_points)
        centre, whole, there = (np.zeros(start.size) for _ in range(3))
        return SnapshotMemory(centre, whole, there, rows, np.zeros(1, np.int64))

    def estimate(self, target: Any, memory: SnapshotMemory, position: Floats, point: Any, out: Floats) -> None:
        """Take a snapshot where one is due; write the estimate."""
        period = self.period if self.period > 0 else max(1, 2 * self.n_points // size_of(point))
        if memory.steps[0] % period == 0:
            for j in range(out.size):
                memory.centre[j] = position[j]
            batch_gradient(target, position, memory.rows, memory.whole)
        memory.steps[0] += 1
        against_centre(target, memory, position, point, out)
        scaled(out, self.n_points)
