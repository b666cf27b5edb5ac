"""Continuous samplers."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "AdaptiveMetropolis": "adaptive",
        "Conditionals": "conditional_functions",
        "ControlVariates": "estimators",
        "CyclicalSGLD": "cyclical",
        "Gibbs": "conditionals",
        "HMC": "hmc",
        "Independence": "hastings",
        "Metropolis": "metropolis",
        "MALA": "langevin",
        "Metric": "adaptation.metric",
        "MetropolisHastings": "hastings",
        "Minibatch": "estimators",
        "NUTS": "nuts",
        "PSGLD": "psgld",
        "RandomWalk": "hastings",
        "SGHMC": "sghmc",
        "SGLD": "sgld",
        "SGNHT": "sgnht",
        "SVRG": "estimators",
        "Slice": "slice",
        "ULA": "langevin",
    },
)
