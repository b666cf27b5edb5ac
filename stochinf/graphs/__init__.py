"""Factor graphs: models as the user names them, files, evidence, samplers and marginals."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "Blocked": "blocked",
        "DiscreteLangevin": "gradient",
        "DoubleMinGibbs": "minibatch",
        "FactorGraph": "factor_graph",
        "Logic": "logic.builder",
        "LogicalGraph": "logic.graph",
        "Gibbs": "gibbs",
        "GibbsWithGradients": "gradient",
        "Marginals": "marginals",
        "MaxCut": "cuts",
        "Metropolis": "metropolis",
        "MinGibbs": "minibatch",
        "PoissonGibbs": "minibatch",
        "Qubo": "quadratic",
        "RaoBlackwell": "rao_blackwell",
        "SwendsenWang": "clusters.swendsen_wang",
        "WeightedGraph": "weighted",
        "annealed_importance": "annealed.importance",
        "LowPrecision": "large.precision",
        "locality_order": "large.locality",
        "low_precision": "large.precision",
        "max_cut": "cuts",
        "qubo": "quadratic",
        "read_evidence": "formats",
        "read_graph": "formats",
        "reordered": "large.locality",
        "write_evidence": "formats",
        "write_graph": "formats",
    },
)
