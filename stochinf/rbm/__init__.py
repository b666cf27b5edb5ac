"""Restricted Boltzmann machines."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        **dict.fromkeys(("Bernoulli", "Spin"), "units"),
        **dict.fromkeys(("Gaussian", "ReLU"), "units_real"),
        **dict.fromkeys(("Softmax", "one_hot"), "units_choice"),
        "BlockGibbs": "chains",
        "ContrastiveDivergence": "contrastive",
        "Machine": "machine",
        "Passes": "tapes",
        "RBM": "estimator",
        "Rows": "data",
        "SparseRows": "data",
        "TemperedGibbs": "chains",
    },
)
