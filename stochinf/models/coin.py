r"""A coin that may be biased: the smallest posterior, with everything known exactly.

With h heads, t tails and a Beta(a, b) prior the posterior of the chance of heads is Beta(a + h, b + t). It is sampled on the
logit :math:`x = \log(\theta / (1 - \theta))`, where the log density, Jacobian included, is

.. math:: \log p(x) = (a + h) \log\theta + (b + t) \log(1 - \theta) - \log B(a + h, b + t).

References
----------
Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd edition, section 2.1.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.convert import convert
from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part

__all__ = ["CoinBias"]

Floats = npt.NDArray[np.float64]


@part(dim=1)
class CoinBias(NamedTuple):
    """The chance of heads of a coin after `heads` heads and `tails` tails.

    Parameters
    ----------
    heads, tails : float
        Counts, not negative.
    prior : (float, float)
        Parameters of the Beta prior, positive; (1, 1) is flat.
    log_normaliser : float
        -log B(a + h, b + t); worked out from the others.

    Examples
    --------
    >>> import stochinf as si
    >>> coin = si.models.CoinBias(62, 38)
    >>> round(float(coin.posterior.mean()), 3), round(coin.bayes_factor(), 2)
    (0.618, 2.21)
    """

    heads: float
    tails: float
    prior: tuple[float, float] = (1.0, 1.0)
    log_normaliser: float = math.nan

    def checked(self) -> CoinBias:
        """Check the counts and the prior; work out the normaliser."""
        if not (math.isfinite(self.heads) and math.isfinite(self.tails) and self.heads >= 0 and self.tails >= 0):
            raise StochinfError(f"CoinBias: {self.heads} heads and {self.tails} tails; counts are finite and not negative")
        if not (math.isfinite(sum(self.prior)) and min(self.prior) > 0):
            raise StochinfError(f"CoinBias: prior = {self.prior}; both parameters of the Beta prior are positive and finite")
        alpha, beta = self.heads + self.prior[0], self.tails + self.prior[1]
        return self._replace(log_normaliser=math.lgamma(alpha + beta) - math.lgamma(alpha) - math.lgamma(beta))

    def __repr__(self) -> str:
        return f"CoinBias(heads={self.heads:g}, tails={self.tails:g}, prior=({self.prior[0]:g}, {self.prior[1]:g}))"

    def log_density(self, position: Floats) -> float:
        """Return the normalised log density of the logit, Jacobian included."""
        x = position[0]
        alpha = self.heads + self.prior[0]
        beta = self.tails + self.prior[1]
        softplus = max(x, 0.0) + math.log1p(math.exp(-abs(x)))
        return float(alpha * x - (alpha + beta) * softplus + self.log_normaliser)

    def start(self, generator: np.random.Generator) -> Floats:
        """Return the logit of a draw from the prior, kept away from 0 and 1."""
        theta = np.clip(generator.beta(*self.prior), 0.01, 0.99)
        return np.array([math.log(theta / (1.0 - theta))])

    def variables(self, positions: Floats) -> dict[str, Floats]:
        """Return theta from logits of shape (chain, draw, 1)."""
        return {"theta": 1.0 / (1.0 + np.exp(-positions[..., 0]))}

    @property
    def posterior(self) -> Any:
        """The exact posterior of the chance of heads: scipy's frozen beta."""
        from scipy.stats import beta

        return beta(self.heads + self.prior[0], self.tails + self.prior[1])

    def bayes_factor(self) -> float:
        """Return the Bayes factor of a biased coin (theta from the prior) against a fair one (theta = 1/2).

        B(a + h, b + t) / B(a, b) * 2^(h + t): above 1 speaks for bias.
        """
        from scipy.special import betaln

        (a, b), n = self.prior, self.heads + self.tails
        return float(np.exp(betaln(a + self.heads, b + self.tails) - betaln(a, b) + n * math.log(2.0)))

    def probability_biased(self, margin: float) -> float:
        """Return the posterior probability that theta lies further than `margin` from 1/2."""
        if not 0 <= convert("margin", margin, float) < 0.5:
            raise StochinfError(f"margin = {margin}: a number from 0 up to 1/2 is needed")
        return float(self.posterior.cdf(0.5 - margin) + self.posterior.sf(0.5 + margin))
