r"""How an evolution strategy begins again once a run has converged.

References
----------
Auger, A. and Hansen, N. (2005). A restart CMA evolution strategy with increasing population size. CEC, section 2 (IPOP).
Hansen, N. (2009). Benchmarking a BI-population CMA-ES on the BBOB-2009 function testbed. GECCO workshop, section 2 (BIPOP).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper
from stochinf.engine.parts import part
from stochinf.engine.random import uniform

__all__ = ["Bipop", "Ipop", "Ledger", "Once", "new_ledger"]

Integers = npt.NDArray[np.int64]

SMALL, LARGE = 0, 1
NO_LIMIT = 2**62


class Ledger(NamedTuple):
    """What the runs of a strategy have used, and what the present one may use.

    Attributes
    ----------
    population : ndarray of shape (2,)
        That of the present run, and the most that there is room for.
    base : ndarray of shape (1,)
        What is doubled, and rounded only then: 4 + 3 log dim is no whole number, and 35 candidates are no 4 times 8.
    doublings, regime : ndarray of shape (1,)
        Large runs begun; whether the present one is small or large.
    spent : ndarray of shape (2,)
        Evaluations of the small and of the large runs; the first counts as small.
    began, budget : ndarray of shape (1,)
        Evaluations when the present run began, and how many it may use.
    factor : ndarray of shape (1,)
        Of the first step size.
    runs : ndarray of shape (1,)
        Runs begun after the first.
    """

    population: Integers
    base: npt.NDArray[np.float64]
    doublings: Integers
    regime: Integers
    spent: Integers
    began: Integers
    budget: Integers
    factor: npt.NDArray[np.float64]
    runs: Integers


def new_ledger(base: float, most: int) -> Ledger:
    """Return the ledger of a first run.

    Examples
    --------
    >>> from stochinf.optim.black_box.restarts import new_ledger
    >>> new_ledger(8.8, 4096).population
    array([   8, 4096])
    """
    zero, two = np.zeros(1, np.int64), np.zeros(2, np.int64)
    sizes = np.array([math.floor(base), most], np.int64)
    limit, factor = np.array([NO_LIMIT]), np.ones(1)
    return Ledger(sizes, np.array([base]), zero.copy(), zero.copy(), two, zero.copy(), limit, factor, zero.copy())


@part
class Once(NamedTuple):
    """No second run.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.CMAES(restarts=si.optim.Once()).restarts
    Once(unused=0)
    """

    unused: int = 0

    def again(self, ledger: Ledger, rng: Any) -> bool:
        """Whether there is another run: no."""
        return False


@part
class Ipop(NamedTuple):
    """Every run has a population twice as large as the one before.

    Parameters
    ----------
    doublings : int
        How often the population doubles; later runs keep its size.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.CMAES(restarts=si.optim.Ipop(doublings=3)).restarts
    Ipop(doublings=3)
    """

    doublings: int = 9

    def checked(self) -> Ipop:
        """Check the number."""
        check_doublings(self)
        return self

    def again(self, ledger: Ledger, rng: Any) -> bool:
        """Plan the next run."""
        enlarge(ledger, self.doublings)
        return True


@part
class Bipop(NamedTuple):
    """Runs of a population that doubles, and between them small runs from small steps, which together may use as much.

    With lambda the first population, 4 + 3 log dim before it is rounded, and k doublings so far, a small run has the population
    lambda 2^(k U^2), rounded down, and a first step size 100^(-V) as long as the strategy's, for U, V uniform on (0, 1), and
    ends at half of what large runs have used.

    Parameters
    ----------
    doublings : int
        How often the population doubles; later large runs keep its size.

    Examples
    --------
    >>> import stochinf as si
    >>> si.optim.CMAES().restarts
    Bipop(doublings=9)
    """

    doublings: int = 9

    def checked(self) -> Bipop:
        """Check the number."""
        check_doublings(self)
        return self

    def again(self, ledger: Ledger, rng: Any) -> bool:
        """Plan the next run."""
        if ledger.spent[SMALL] >= max(1, ledger.spent[LARGE]):
            enlarge(ledger, self.doublings)
            return True
        ledger.regime[0] = SMALL
        ledger.factor[0] = 0.01 ** uniform(rng)
        resize(ledger, ledger.doublings[0] * uniform(rng) ** 2)
        ledger.budget[0] = ledger.spent[LARGE] // 2
        return True


def check_doublings(restarts: Any) -> None:
    """Demand that doublings are a number from 0 to 40.

    Raises
    ------
    StochinfError
        If they are not.
    """
    if not 0 <= restarts.doublings <= 40:
        raise StochinfError(f"{type(restarts).__name__}: doublings = {restarts.doublings}; a number from 0 to 40 is needed")


@helper()
def enlarge(ledger: Ledger, most: int) -> None:
    """Plan a run of twice the population of the last large one."""
    ledger.doublings[0] = min(ledger.doublings[0] + 1, most)
    ledger.regime[0] = LARGE
    ledger.factor[0] = 1.0
    resize(ledger, float(ledger.doublings[0]))
    ledger.budget[0] = NO_LIMIT


@helper()
def resize(ledger: Ledger, power: float) -> None:
    """Take a population of 2^power times the base, rounded down, if there is room."""
    ledger.population[0] = min(ledger.population[1], math.floor(ledger.base[0] * 2.0**power))
