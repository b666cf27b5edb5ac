"""Optimisers."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "CMAES": "black_box.cmaes",
        "CoordinateDescent": "coordinate.rules",
        "DualCoordinateAscent": "coordinate.dual",
        "NelderMead": "black_box.nelder_mead",
        "Newton": "newton",
        "ProjectedGradient": "projected",
        "RandomSearch": "black_box.random_search",
        **dict.fromkeys(("BFGS", "ConjugateGradient", "LBFGS"), "full_batch"),
        **dict.fromkeys(("LineSearch", "Polyak"), "step_lengths"),
        **dict.fromkeys(("SAG", "SAGA", "SVRG"), "variance_reduced"),
        "SGD": "sgd",
        "SPSA": "black_box.spsa",
        "Averaging": "suffix",
        "StatisticalStep": "statistical",
        "TwoPoint": "black_box.two_point",
        "hogwild": "parallel",
        "smoothed": "black_box.smoothing",
        "WorkingSets": "coordinate.rules",
        **dict.fromkeys(("shrink", "weight_decay"), "shrinkage"),
        **dict.fromkeys(("dropout", "glorot"), "dropping"),
        **dict.fromkeys(("gradient_flow", "gradient_steps", "plot_flow"), "flow"),
        **dict.fromkeys(("plot_stationary", "stationary"), "settling"),
        "trajectory": "trajectories",
        **dict.fromkeys(("Bipop", "Ipop", "Once"), "black_box.restarts"),
        **dict.fromkeys(("ASGD", "Lion", "Rprop"), "sign_rules"),
        **dict.fromkeys(("AMSGrad", "Adam", "AdamW"), "adam"),
        **dict.fromkeys(("AdaDelta", "AdaGrad", "RMSProp"), "adagrad"),
        **dict.fromkeys(("AdaMax", "NAdam", "RAdam"), "adam_variants"),
        **dict.fromkeys(("Momentum", "Nesterov"), "momentum_rules"),
        **dict.fromkeys(("chain", "clip", "momentum"), "transforms"),
    },
)
