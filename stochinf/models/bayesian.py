"""Ready posteriors of everyday models, as densities with named parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from stochinf import density as sd
from stochinf.density.model import Density
from stochinf.engine.convert import counted
from stochinf.engine.errors import StochinfError

__all__ = ["hidden_markov", "hierarchical", "mixture", "normal"]

Floats = npt.NDArray[np.float64]


def normal(y: Any, location: float | None = None, scale: float | None = None) -> Density:
    r"""Return the posterior of a normal distribution's mean and standard deviation.

    .. math:: \mu \sim N(m, 10 s), \quad \sigma \sim \mathrm{HalfCauchy}(s), \quad y_i \sim N(\mu, \sigma).

    Parameters
    ----------
    y : array of shape (n,)
        The data.
    location, scale : float, optional
        The m and s of the priors; the median and the standard deviation of the data by default, which is weak.

    Returns
    -------
    Density
        Of mu and sigma.

    Raises
    ------
    StochinfError
        If the data are not finite numbers, or the scale is not above zero.

    Examples
    --------
    >>> import stochinf as si
    >>> target = si.models.normal([1.2, 3.1, 2.2, 2.8])
    >>> sorted(target.params)
    ['mu', 'sigma']
    """
    data = vector("normal", "y", y)
    m, s = centre_and_scale("normal", data, location, scale)

    def log_density(mu: Any, sigma: Any, y: Any, location: Any, scale: Any) -> Any:
        prior = sd.normal(mu, location, 10 * scale) + sd.half_cauchy(sigma, scale)
        return prior + sd.normal(y, mu, sigma).sum()

    params = {"mu": sd.real(), "sigma": sd.positive()}
    return Density(log_density, params, {"y": data, "location": m, "scale": s})


def hierarchical(y: Any, sigma: Any, location: float = 0.0, scale: float = 5.0, centred: bool = False) -> Density:
    r"""Return the posterior of effects that share a distribution, each measured once with a known error.

    .. math:: \mu \sim N(m, s), \quad \tau \sim \mathrm{HalfCauchy}(s), \quad \theta_j \sim N(\mu, \tau),
        \quad y_j \sim N(\theta_j, \sigma_j),

    the eight schools of Rubin (1981), Estimation in parallel randomized experiments, with the defaults.

    Parameters
    ----------
    y, sigma : array of shape (n,)
        Measurements and their standard errors.
    location, scale : float
        The m and s of the priors.
    centred : bool
        Whether samplers move on theta itself: better for many precise data, a funnel for few.

    Returns
    -------
    Density
        Of mu, tau and theta.

    Raises
    ------
    StochinfError
        If the data are not finite numbers of one length, or an error or the scale is not above zero.

    Examples
    --------
    >>> import stochinf as si
    >>> schools = si.models.hierarchical([28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18])
    >>> schools
    Density(mu, tau, theta (8,): log_density, traced)
    """
    data, errors = vector("hierarchical", "y", y), vector("hierarchical", "sigma", sigma)
    if errors.shape != data.shape or not (errors > 0).all():
        raise StochinfError(
            f"hierarchical: sigma has shape {errors.shape}; {data.size} numbers above 0 are needed, one for each y"
        )
    m, s = centre_and_scale("hierarchical", data, location, scale)

    def log_density(mu: Any, tau: Any, theta: Any, y: Any, sigma: Any, location: Any, scale: Any) -> Any:
        prior = sd.normal(mu, location, scale) + sd.half_cauchy(tau, scale) + sd.normal(theta, mu, tau).sum()
        return prior + sd.normal(y, theta, sigma).sum()

    theta = sd.real(data.size) if centred else sd.affine("mu", "tau", data.size)
    params = {"mu": sd.real(), "tau": sd.positive(), "theta": theta}
    return Density(log_density, params, {"y": data, "sigma": errors, "location": m, "scale": s})


def mixture(y: Any, n_components: int = 2, location: float | None = None, scale: float | None = None) -> Density:
    r"""Return the posterior of a mixture of normal distributions, in the order of their means.

    .. math:: w \sim \mathrm{Dirichlet}(2), \quad \mu_k \sim N(m, 2 s), \quad \sigma_k \sim \mathrm{HalfNormal}(s),
        \quad y_i \sim \textstyle\sum_k w_k N(\mu_k, \sigma_k).

    Parameters
    ----------
    y : array of shape (n,)
        The data.
    n_components : int
        At least 2.
    location, scale : float, optional
        The m and s of the priors; the median and the standard deviation of the data by default.

    Returns
    -------
    Density
        Of weights, mu and sigma.

    Raises
    ------
    StochinfError
        If the data are not finite numbers, or the scale is not above zero.

    Examples
    --------
    >>> import stochinf as si
    >>> si.models.mixture([-2.1, -1.9, 1.8, 2.2, 2.0])
    Density(weights (2,), mu (2,), sigma (2,): log_density, traced)
    """
    data, n = vector("mixture", "y", y), counted("mixture: n_components", n_components, least=2)
    m, s = centre_and_scale("mixture", data, location, scale)

    def log_density(weights: Any, mu: Any, sigma: Any, y: Any, location: Any, scale: Any) -> Any:
        prior = sd.dirichlet(weights, 2.0) + sd.normal(mu, location, 2 * scale).sum() + sd.half_normal(sigma, scale).sum()
        components = [sd.normal(y, mu[k], sigma[k]) for k in range(n)]
        return prior + sd.mixture(weights, components).sum()

    params = {"weights": sd.simplex(n), "mu": sd.ordered(n), "sigma": sd.positive(n)}
    return Density(log_density, params, {"y": data, "location": m, "scale": s})


def hidden_markov(y: Any, n_states: int = 2, location: float | None = None, scale: float | None = None) -> Density:
    r"""Return the posterior of a hidden Markov chain with normal emissions, in the order of their means.

    .. math:: P_{k \cdot} \sim \mathrm{Dirichlet}(1 + n \delta_{k \cdot}), \quad \mu_k \sim N(m, 2 s), \quad
        \sigma \sim \mathrm{HalfNormal}(s), \quad y_t \sim N(\mu_{z_t}, \sigma),

    with the states z summed out by the forward algorithm and a first state that is anything with equal chances.

    Parameters
    ----------
    y : array of shape (n,)
        The data, in the order of time.
    n_states : int
        At least 2.
    location, scale : float, optional
        The m and s of the priors; the median and the standard deviation of the data by default.

    Returns
    -------
    Density
        Of transitions (row by row), mu and sigma.

    Raises
    ------
    StochinfError
        If the data are not finite numbers, or the scale is not above zero.

    Examples
    --------
    >>> import stochinf as si
    >>> si.models.hidden_markov([0.1, -0.2, 2.9, 3.1, 3.0, 0.2])
    Density(transitions (2, 2), mu (2,), sigma: log_density, traced)
    """
    data, n = vector("hidden_markov", "y", y, least=2), counted("hidden_markov: n_states", n_states, least=2)
    m, s = centre_and_scale("hidden_markov", data, location, scale)

    def log_density(transitions: Any, mu: Any, sigma: Any, y: Any, location: Any, scale: Any) -> Any:
        stay = 1.0 + n * np.eye(n)
        prior = sum(sd.dirichlet(transitions[k], stay[k]) for k in range(n)) + sd.half_normal(sigma, scale)
        emissions = sd.normal(y[:, None], mu, sigma)
        chain = sd.hidden_markov(emissions, transitions, np.full(n, 1 / n))
        return prior + sd.normal(mu, location, 2 * scale).sum() + chain

    params = {"transitions": sd.simplex(n, shape=n), "mu": sd.ordered(n), "sigma": sd.positive()}
    return Density(log_density, params, {"y": data, "location": m, "scale": s})


def vector(model: str, name: str, values: Any, least: int = 1) -> Floats:
    """Return data as a vector of finite numbers."""
    try:
        found = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StochinfError(f"{model}: {name} = {values!r:.60}; numbers are needed") from error
    if found.ndim != 1 or found.size < least or not np.isfinite(found).all():
        raise StochinfError(f"{model}: {name} of shape {found.shape}; a vector of {least} or more finite numbers is needed")
    return found


def centre_and_scale(model: str, data: Floats, location: float | None, scale: float | None) -> tuple[float, float]:
    """Return the location and scale of priors, those of the data where they are not given."""
    m = float(np.median(data)) if location is None else float(location)
    s = (float(data.std()) or 1.0) if scale is None else float(scale)
    if not (math.isfinite(m) and math.isfinite(s) and s > 0):
        raise StochinfError(f"{model}: location = {location}, scale = {scale}; finite numbers, the scale above 0, are needed")
    return m, s
