r"""How free numbers become values that obey a constraint, and back.

A sampler moves on all of R^n. A parameter takes `size` of those free numbers x and makes a value y = f(x) from them; the log
density of x is that of y plus the log of :math:`|\det \partial y / \partial x|`, which each class here gives in closed form.

The same code serves arrays, values that are being traced, and many draws at once: free numbers have shape (size,) or
(size, draws), and values the parameter's shape, with the draws last.

References
----------
Stan Development Team (2024). Stan Reference Manual 2.36, chapter "Constraint transforms".
Lewandowski, D., Kurowicka, D. and Joe, H. (2009). Generating random correlation matrices. J. Multivariate Analysis 100.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf.density.special import log_sum_exp, softplus
from stochinf.engine.errors import StochinfError

__all__ = ["CholeskyCorr", "Known", "Ordered", "Parameter", "Positive", "PositiveOrdered", "Shape", "Simplex", "demand", "shaped"]

Floats = npt.NDArray[np.float64]
Shape = tuple[int, ...]
Known = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """Real numbers without a constraint; the other kinds of parameters change what differs.

    Parameters
    ----------
    shape : tuple of int
        Shape of the value.
    """

    shape: Shape

    @property
    def size(self) -> int:
        """How many free numbers make the value."""
        return math.prod(self.shape)

    @property
    def endless(self) -> bool:
        """Whether values can lie anywhere in an infinite volume."""
        return True

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of other parameters and data that the constraint depends on."""
        return ()

    def constrain(self, free: Any, known: Known) -> Any:
        """Return the value, of shape (*shape,) or (*shape, draws)."""
        return shaped(free, self.shape)

    def log_jacobian(self, free: Any, known: Known) -> Any:
        """Return the log of the volume that the map to values makes of a unit of free numbers, for one draw."""
        return 0.0

    def unconstrain(self, value: Floats, known: Known) -> Floats:
        """Return the free numbers of a value that obeys the constraint; the message of the error says what it breaks."""
        return value.reshape(-1)

    def unpacked(self, numbers: Any) -> Any:
        """Return the value whose numbers these are, row by row, as the density gets it."""
        return shaped(numbers, self.shape)


def shaped(free: Any, shape: Shape) -> Any:
    """Return free numbers (size,) or (size, draws) in the given shape."""
    if shape == ():
        return free[0]
    return free if len(shape) == 1 else free.reshape(*shape, *free.shape[1:])


class Positive(Parameter):
    """Numbers above zero: y = exp(x), log-Jacobian x."""

    def constrain(self, free: Any, known: Known) -> Any:
        """Return exp(x)."""
        return np.exp(shaped(free, self.shape))

    def log_jacobian(self, free: Any, known: Known) -> Any:
        """Return the sum of x."""
        return np.sum(free)

    def unconstrain(self, value: Floats, known: Known) -> Floats:
        """Return log(y)."""
        demand(bool(np.all(value > 0)), "numbers above 0 are needed")
        return np.log(value).reshape(-1)


class Ordered(Parameter):
    """Vectors that grow: y[0] = x[0], y[k] = y[k - 1] + exp(x[k]); log-Jacobian the sum of x[1:]."""

    def constrain(self, free: Any, known: Known) -> Any:
        """Return the cumulative sums of a first number and of gaps above zero."""
        x = shaped(free, self.shape)
        first, rest = heads(x, self.shape)
        axis = len(self.shape) - 1
        return np.cumsum(np.concatenate([first, np.exp(rest)], axis=axis), axis=axis)

    def log_jacobian(self, free: Any, known: Known) -> Any:
        """Return the sum of the logs of the gaps."""
        return np.sum(heads(shaped(free, self.shape), self.shape)[1])

    def unconstrain(self, value: Floats, known: Known) -> Floats:
        """Return the first number and the logs of the gaps."""
        gaps = np.diff(value, axis=-1)
        demand(bool(np.all(gaps > 0)), "each number above the one before is needed")
        return np.concatenate([value[..., :1], np.log(gaps)], axis=-1).reshape(-1)


class PositiveOrdered(Parameter):
    """Vectors above zero that grow: the cumulative sums of exp(x); log-Jacobian the sum of x."""

    def constrain(self, free: Any, known: Known) -> Any:
        """Return the cumulative sums of exp(x)."""
        return np.cumsum(np.exp(shaped(free, self.shape)), axis=len(self.shape) - 1)

    def log_jacobian(self, free: Any, known: Known) -> Any:
        """Return the sum of x."""
        return np.sum(free)

    def unconstrain(self, value: Floats, known: Known) -> Floats:
        """Return the logs of the first number and of the gaps."""
        gaps = np.diff(value, axis=-1, prepend=0.0)
        demand(bool(np.all(gaps > 0)), "numbers above 0, each above the one before, are needed")
        return np.log(gaps).reshape(-1)


class Simplex(Parameter):
    r"""Vectors of n numbers above zero that sum to one, from n - 1 free numbers: the isometric log-ratio.

    .. math:: z = V x, \qquad y = \mathrm{softmax}(z), \qquad \log J = \tfrac12 \log n - n \log\sum_k e^{z_k},

    with the orthonormal columns of V orthogonal to the vector of ones (Helmert), so that no component is special.
    """

    @property
    def endless(self) -> bool:
        """A simplex is bounded."""
        return False

    @property
    def size(self) -> int:
        """One number less than components, for each simplex."""
        return math.prod(self.shape[:-1]) * (self.shape[-1] - 1)

    def logits(self, free: Any) -> Any:
        """Return z, which sums to zero, of shape (n,) or (copies, n), the draws last."""
        n = self.shape[-1]
        helmert = orthonormal(n)
        if len(self.shape) == 1:
            return helmert @ free
        x = free.reshape(math.prod(self.shape[:-1]), n - 1, *free.shape[1:])
        return x @ helmert.T if x.ndim == 2 else helmert @ x

    def constrain(self, free: Any, known: Known) -> Any:
        """Return softmax(V x)."""
        z = self.logits(free)
        if len(self.shape) == 1:
            return np.exp(z - log_sum_exp(z, axis=0))
        return np.exp(z - log_sum_exp(z, axis=1)[:, None]).reshape(*self.shape, *free.shape[1:])

    def log_jacobian(self, free: Any, known: Known) -> Any:
        """Return n / 2 log(n) less n times the log of the sum of exponentials, over all simplexes."""
        n, copies = self.shape[-1], math.prod(self.shape[:-1])
        return 0.5 * copies * math.log(n) - n * np.sum(log_sum_exp(self.logits(free), axis=min(len(self.shape), 2) - 1))

    def unconstrain(self, value: Floats, known: Known) -> Floats:
        """Return V' log(y)."""
        demand(bool(np.all(value > 0)), "numbers above 0 are needed")
        demand(bool(np.all(np.abs(value.sum(axis=-1) - 1) < 1e-8)), "numbers that sum to 1 are needed")
        return (np.log(value) @ orthonormal(self.shape[-1])).reshape(-1)


class CholeskyCorr(Parameter):
    r"""The lower Cholesky factor of an n by n correlation matrix, from n (n - 1) / 2 free numbers.

    With :math:`t_{ij} = \tanh x_{ij}` for i > j and an identity above and on the diagonal,

    .. math:: L_{ij} = t_{ij} \prod_{k < j} (1 - t_{ik}^2)^{1/2}, \qquad
        \log J = \sum_{i > j} \Big(\log(1 - t_{ij}^2) + \tfrac12 \sum_{k < j} \log(1 - t_{ik}^2)\Big).
    """

    @property
    def endless(self) -> bool:
        """Correlations are bounded."""
        return False

    @property
    def size(self) -> int:
        """The numbers below the diagonal."""
        n = self.shape[-1]
        return math.prod(self.shape[:-2]) * (n * (n - 1) // 2)

    def matrices(self, free: Any) -> list[tuple[Any, Any]]:
        """Return x as a matrix, zero on and above the diagonal, and the sums of log(1 - t^2) left of each place."""
        n = self.shape[-1]
        each = n * (n - 1) // 2
        spots = places(n)
        found = []
        for k in range(self.size // each):
            mine = free[k * each : (k + 1) * each]
            padded = np.concatenate([mine, np.zeros((1, *free.shape[1:]))])
            x = padded[spots].reshape(n, n, *free.shape[1:])
            decay = log_sech_squared(x)
            found.append((x, np.cumsum(decay, axis=1) - decay))
        return found

    def constrain(self, free: Any, known: Known) -> Any:
        """Return the factor, or an array of them."""
        n = self.shape[-1]
        identity = np.eye(n).reshape(n, n, *(1,) * (len(free.shape) - 1))
        factors = tuple((np.tanh(x) + identity) * np.exp(0.5 * left) for x, left in self.matrices(free))
        return factors[0] if len(self.shape) == 2 else np.stack(factors).reshape(*self.shape, *free.shape[1:])

    def log_jacobian(self, free: Any, known: Known) -> Any:
        """Return the sum over the places below the diagonal."""
        below = np.tril(np.ones((self.shape[-1], self.shape[-1])), -1)
        return sum(np.sum(log_sech_squared(x)) + 0.5 * np.sum(below * left) for x, left in self.matrices(free))

    def unconstrain(self, value: Floats, known: Known) -> Floats:
        """Return artanh(L_ij / sqrt(1 - sum of L_ik^2 left of it))."""
        demand(bool(np.all(np.triu(value, 1) == 0)), "matrices with zeros above the diagonal are needed")
        rows = np.abs((value**2).sum(axis=-1) - 1).max() < 1e-8
        demand(bool(rows), "rows of length 1 are needed: the Cholesky factor of a correlation matrix")
        demand(bool(np.all(np.diagonal(value, axis1=-2, axis2=-1) > 0)), "a diagonal above 0 is needed")
        n = self.shape[-1]
        i, j = np.tril_indices(n, -1)
        left = np.cumsum(value**2, axis=-1) - value**2
        return np.arctanh(value[..., i, j] / np.sqrt(1 - left[..., i, j])).reshape(-1)


def heads(x: Any, shape: Shape) -> tuple[Any, Any]:
    """Split vectors on the last axis of `shape` after their first number."""
    before = (slice(None),) * (len(shape) - 1)
    return x[(*before, slice(1))], x[(*before, slice(1, None))]


def log_sech_squared(x: Any) -> Any:
    """Return log(1 - tanh(x)^2) without cancellation."""
    return 2.0 * (math.log(2.0) - x - softplus(-2.0 * x))


def orthonormal(n: int) -> Floats:
    """Return n by n - 1 Helmert columns: orthonormal, each with sum zero."""
    i = np.arange(1, n)
    columns = np.where(np.arange(n)[:, None] < i, 1.0, 0.0)
    columns[i, i - 1] = -i
    return np.asarray(columns / np.sqrt(i * (i + 1.0)))


def places(n: int) -> npt.NDArray[np.int64]:
    """Return for each place of an n by n matrix, row by row, its number below the diagonal; the others get the last number."""
    found = np.full((n, n), n * (n - 1) // 2)
    found[np.tril_indices(n, -1)] = np.arange(n * (n - 1) // 2)
    return found.reshape(-1)


def demand(obeys: bool, rule: str) -> None:
    """Raise the error of a value that breaks its constraint; the parameter's name is put before it by the density."""
    if not obeys:
        raise StochinfError(rule)
