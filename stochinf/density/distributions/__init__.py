"""Log densities of the usual distributions, in one module."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        **dict.fromkeys(
            ("cauchy", "gumbel", "laplace", "logistic", "normal", "skew_normal", "student_t", "uniform"), "continuous"
        ),
        **dict.fromkeys(
            (
                "beta",
                "chi_squared",
                "exponential",
                "gamma",
                "half_cauchy",
                "half_normal",
                "half_student_t",
                "inverse_gamma",
                "lognormal",
                "pareto",
                "weibull",
            ),
            "positive",
        ),
        **dict.fromkeys(
            (
                "bernoulli",
                "bernoulli_logit",
                "beta_binomial",
                "binomial",
                "binomial_logit",
                "categorical",
                "categorical_logit",
                "geometric",
                "multinomial",
                "negative_binomial",
                "poisson",
                "poisson_log",
            ),
            "counts",
        ),
        **dict.fromkeys(
            ("dirichlet", "hidden_markov", "lkj_cholesky", "mixture", "multivariate_normal", "multivariate_normal_cholesky"),
            "vectors",
        ),
    },
)
