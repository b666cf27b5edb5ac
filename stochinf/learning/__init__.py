"""Learning the weights and the structure of graphical models from data."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        **dict.fromkeys(("Alignment", "read_alignment", "sequence_weights"), "structure.alignment"),
        **dict.fromkeys(("DenseGibbs", "DensePotts"), "structure.dense_gibbs"),
        **dict.fromkeys(("PairShares", "PottsContrastive"), "structure.potts_learning"),
        "pair_shares": "structure.shares",
        "potts_mean_field": "structure.inversion",
        "potts_pseudo_likelihood": "structure.potts_pseudo",
    },
)
