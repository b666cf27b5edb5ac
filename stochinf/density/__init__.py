"""Log densities as targets: traced Python functions, compiled functions behind C pointers, plain Python.

`from stochinf import density as sd` gives the kinds of parameters (`sd.real`, `sd.positive`, ...), the log densities of the
usual distributions (`sd.normal`, ...) and the functions that numpy lacks (`sd.log_gamma`, ...).
"""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        **dict.fromkeys(("SIGNATURE", "wanted"), "calling"),
        **dict.fromkeys(("Foreign", "PointerDensity"), "pointer"),
        "Density": "model",
        "GradientCheck": "checking",
        **dict.fromkeys(("from_bridgestan", "from_nutpie"), "foreign"),
        "python_density": "plain",
        "scan": "loops",
        "TraceError": "trace_errors",
        **dict.fromkeys(
            ("affine", "cholesky_corr", "interval", "ordered", "positive", "positive_ordered", "real", "simplex"), "parameters"
        ),
        **dict.fromkeys(("log_beta", "log_gamma", "log_ndtr", "log_sum_exp", "sigmoid", "softplus"), "special"),
        "solve_triangular": "linear",
        **dict.fromkeys(
            ("cauchy", "gumbel", "laplace", "logistic", "normal", "skew_normal", "student_t", "uniform"),
            "distributions.continuous",
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
            "distributions.positive",
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
            "distributions.counts",
        ),
        **dict.fromkeys(
            ("dirichlet", "hidden_markov", "lkj_cholesky", "mixture", "multivariate_normal", "multivariate_normal_cholesky"),
            "distributions.vectors",
        ),
    },
)
