"""Probabilistic inference and sampling: one loop (pick a point, update the model, iterate) behind every algorithm.

Front doors: `sample`, `marginals`, `minimize`, `run`; `resume` and `load` for saved runs. Models: `models`, `FactorGraph`,
`RBM`. Parts: `mcmc`, `optim`, `pickers`, `schedules`, `observers`, `stop`, and `kernel`, the decorator for your own.
"""

from __future__ import annotations

from stochinf.lazy import exports

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "sample": "api", "marginals": "api", "minimize": "api", "run": "api", "resume": "api", "load": "api",
        "FactorGraph": "graphs.factor_graph", "read_graph": "graphs.formats", "read_evidence": "graphs.formats",
        "RBM": "rbm.estimator",
        "models": "models:", "mcmc": "mcmc:", "optim": "optim:", "graphs": "graphs:", "rbm": "rbm:", "density": "density:", "diagnostics": "diagnostics:",
        "kernel": "engine.parts", "pickers": "engine.pickers:", "schedules": "engine.schedules:", "observers": "engine.observers:", "stop": "engine.stop:",
        "StochinfError": "engine.errors", "GraphError": "engine.errors", "CheckpointError": "engine.errors",
        "CompilationError": "engine.errors", "MemoryLimitError": "engine.errors", "ConvergenceWarning": "engine.errors",
    },
)  # fmt: skip
