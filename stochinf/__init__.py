"""Probabilistic inference and sampling: one loop (pick a point, update the model, iterate) behind every algorithm.

Front doors: `sample`, `marginals`, `map_state`, `log_partition`, `learn_weights`, `minimize`, `run`; `resume` and `load` for
saved runs.
Models: `models`, `FactorGraph`, `RBM`. Parts: `mcmc`, `optim`, `pickers`, `schedules`, `observers`, `stop`, and `kernel`, the
decorator for your own.
"""

from __future__ import annotations

from stochinf.lazy import exports

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "ClassificationRBM": "rbm.classification",
        "DBN": "rbm.dbn",
        "Density": "density.model",
        "FactorGraph": "graphs.factor_graph",
        "FiniteSum": "models.finite_sum",
        "Function": "models.function",
        "RBM": "rbm.estimator",
        "averaged": "api.averaging",
        "continuation": "api.continuing",
        "lasso_path": "api.paths",
        "learn_ising": "api.binary_models",
        "learn_potts": "api.sequence_models",
        "learn_weights": "api.learning",
        "load": "api.resuming",
        "log_partition": "api.log_partitions",
        "map_state": "api.map_states",
        "marginals": "api.marginals",
        "marginals_batch": "api.batches",
        "marginals_stream": "api.streams",
        "minimize": "api.minimizing",
        "read_evidence": "graphs.formats",
        "read_graph": "graphs.formats",
        "resume": "api.resuming",
        "run": "api.running",
        "sample": "api.sampling",
        "write_evidence": "graphs.formats",
        "write_graph": "graphs.formats",
        **{
            name: f"{name}:"
            for name in (
                "density",
                "diagnostics",
                "estimators",
                "graphs",
                "learning",
                "mcmc",
                "models",
                "optim",
                "rbm",
                "search",
                "vi",
            )
        },
        **{name: f"engine.{name}:" for name in ("observers", "pickers", "schedules", "stop")},
        "kernel": "engine.parts",
        **dict.fromkeys(
            (
                "CheckpointError",
                "CompilationError",
                "ConvergenceWarning",
                "DensityError",
                "GraphError",
                "MemoryLimitError",
                "MissingFileError",
                "ObjectiveError",
                "StochinfError",
            ),
            "engine.errors",
        ),
    },
)
