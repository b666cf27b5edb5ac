"""Restricted Boltzmann machines."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        **dict.fromkeys(("Bernoulli", "Spin"), "units"),
        **dict.fromkeys(("Gaussian", "ReLU"), "units_real"),
        **dict.fromkeys(("Softmax", "one_hot"), "units_choice"),
        "Binarised": "drawn",
        "BlockGibbs": "chains",
        **dict.fromkeys(("Fast", "FromData", "Persistent", "Tempered"), "negative"),
        "ContrastiveDivergence": "contrastive",
        "Machine": "machine",
        "Passes": "tapes",
        "Penalties": "penalties",
        "RBM": "estimator",
        "Rows": "data",
        "SparseRows": "data",
        "Steady": "steps",
        "TemperedGibbs": "chains",
        **dict.fromkeys(("plot_filters", "plot_learning", "plot_samples"), "plots"),
    },
)
