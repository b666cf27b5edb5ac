"""The distributions, each with points, parameters and scipy's log density at them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from stochinf import density as sd

LINE = np.array([-3.0, -0.5, 0.0, 0.7, 4.0])
HALF = np.array([0.01, 0.3, 1.0, 2.5, 9.0])
UNIT = np.array([0.01, 0.3, 0.5, 0.99])
COUNTS = np.array([0, 1, 2, 5])
CASES: dict[str, tuple[Callable[..., Any], Any, tuple[Any, ...], Callable[..., Any]]] = {
    "normal": (sd.normal, LINE, (0.5, 2.0), stats.norm(0.5, 2.0).logpdf),
    "student_t": (sd.student_t, LINE, (3.5, 0.5, 2.0), stats.t(3.5, 0.5, 2.0).logpdf),
    "cauchy": (sd.cauchy, LINE, (0.5, 2.0), stats.cauchy(0.5, 2.0).logpdf),
    "laplace": (sd.laplace, LINE, (0.5, 2.0), stats.laplace(0.5, 2.0).logpdf),
    "logistic": (sd.logistic, LINE, (0.5, 2.0), stats.logistic(0.5, 2.0).logpdf),
    "gumbel": (sd.gumbel, LINE, (0.5, 2.0), stats.gumbel_r(0.5, 2.0).logpdf),
    "skew_normal": (sd.skew_normal, LINE, (0.5, 2.0, 3.0), stats.skewnorm(3.0, 0.5, 2.0).logpdf),
    "uniform": (sd.uniform, LINE, (-1.0, 2.0), stats.uniform(-1.0, 3.0).logpdf),
    "half_normal": (sd.half_normal, HALF, (2.0,), stats.halfnorm(scale=2.0).logpdf),
    "half_cauchy": (sd.half_cauchy, HALF, (2.0,), stats.halfcauchy(scale=2.0).logpdf),
    "half_student_t": (sd.half_student_t, HALF, (3.0, 2.0), lambda x: math.log(2.0) + stats.t(3.0, scale=2.0).logpdf(x)),
    "lognormal": (sd.lognormal, HALF, (0.5, 2.0), stats.lognorm(2.0, scale=math.exp(0.5)).logpdf),
    "exponential": (sd.exponential, HALF, (2.0,), stats.expon(scale=0.5).logpdf),
    "gamma": (sd.gamma, HALF, (3.5, 2.0), stats.gamma(3.5, scale=0.5).logpdf),
    "inverse_gamma": (sd.inverse_gamma, HALF, (3.5, 2.0), stats.invgamma(3.5, scale=2.0).logpdf),
    "chi_squared": (sd.chi_squared, HALF, (3.5,), stats.chi2(3.5).logpdf),
    "weibull": (sd.weibull, HALF, (3.5, 2.0), stats.weibull_min(3.5, scale=2.0).logpdf),
    "pareto": (sd.pareto, HALF + 2.0, (2.0, 3.5), stats.pareto(3.5, scale=2.0).logpdf),
    "beta": (sd.beta, UNIT, (3.5, 2.0), stats.beta(3.5, 2.0).logpdf),
    "bernoulli": (sd.bernoulli, np.array([0, 1]), (0.3,), stats.bernoulli(0.3).logpmf),
    "bernoulli_logit": (sd.bernoulli_logit, np.array([0, 1]), (0.3,), stats.bernoulli(1 / (1 + math.exp(-0.3))).logpmf),
    "binomial": (sd.binomial, COUNTS, (5, 0.3), stats.binom(5, 0.3).logpmf),
    "binomial_logit": (sd.binomial_logit, COUNTS, (5, 0.3), stats.binom(5, 1 / (1 + math.exp(-0.3))).logpmf),
    "beta_binomial": (sd.beta_binomial, COUNTS, (5, 1.5, 2.0), stats.betabinom(5, 1.5, 2.0).logpmf),
    "poisson": (sd.poisson, COUNTS, (2.5,), stats.poisson(2.5).logpmf),
    "poisson_log": (sd.poisson_log, COUNTS, (0.5,), stats.poisson(math.exp(0.5)).logpmf),
    "negative_binomial": (sd.negative_binomial, COUNTS, (2.5, 3.0), stats.nbinom(3.0, 3.0 / 5.5).logpmf),
    "geometric": (sd.geometric, COUNTS, (0.3,), lambda k: stats.geom(0.3).logpmf(k + 1)),
}
