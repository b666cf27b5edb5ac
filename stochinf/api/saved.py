"""Saved runs: what a session writes, and how it is put together again."""

from __future__ import annotations

import importlib
import os
from typing import Any, NamedTuple

import numpy as np

from stochinf.engine import checkpoint, observers
from stochinf.engine.block import Block
from stochinf.engine.errors import CheckpointError
from stochinf.engine.jit import versions
from stochinf.engine.session import Plan, Session, build
from stochinf.engine.wrappers import unwrapped

__all__ = ["Door", "Snapshot", "restored"]

MODULES = {
    "models.coin": ("CoinBias",),
    "models.columns": ("CompressedColumns", "DenseColumns"),
    "models.design": ("CompressedRows",),
    "models.groups": ("GroupLasso",),
    "models.least_squares": ("LinearRegression",),
    "models.logistic": ("LogisticRegression",),
    "models.penalised": ("Lasso", "Penalised"),
    "models.penalties": ("Box", "ElasticNet", "MCP", "SCAD"),
    "models.multinomial": ("MultinomialRegression",),
    "models.poisson": ("PoissonRegression",),
    "models.squared_hinge": ("SquaredHinge",),
    "graphs.blocked.blocked": ("Blocked",),
    "graphs.clusters.swendsen_wang": ("SwendsenWang",),
    "graphs.factor_graph": ("FactorGraph",),
    "graphs.cuts": ("MaxCut",),
    "graphs.quadratic": ("Qubo",),
    "graphs.gibbs": ("Gibbs",),
    "graphs.gradient.kernel": ("DiscreteLangevin", "GibbsWithGradients"),
    "graphs.logic.graph": ("LogicalGraph",),
    "graphs.metropolis.kernel": ("Metropolis",),
    "graphs.tempering.kernel": ("Tempering",),
    "mcmc.metropolis": ("Metropolis",),
    "mcmc.adaptation.metric": ("Metric",),
    "mcmc.adaptive": ("AdaptiveMetropolis",),
    "mcmc.conditionals": ("Gibbs",),
    "mcmc.cyclical": ("CyclicalSGLD",),
    "mcmc.estimators": ("ControlVariates", "Minibatch", "SVRG"),
    "mcmc.hmc": ("HMC",),
    "mcmc.langevin": ("MALA", "ULA"),
    "mcmc.nuts": ("NUTS",),
    "mcmc.hastings": ("Independence", "MetropolisHastings", "RandomWalk"),
    "mcmc.psgld": ("PSGLD",),
    "mcmc.sghmc": ("SGHMC",),
    "mcmc.sgld": ("SGLD",),
    "mcmc.sgnht": ("SGNHT",),
    "mcmc.slice": ("Slice",),
    "optim.coordinate.dual": ("DualCoordinateAscent",),
    "optim.coordinate.rules": ("CoordinateDescent", "WorkingSets"),
    "optim.adagrad": ("AdaDelta", "AdaGrad", "RMSProp"),
    "optim.adam": ("AMSGrad", "Adam", "AdamW"),
    "optim.adam_variants": ("AdaMax", "NAdam", "RAdam"),
    "optim.ahead": ("ByMomentsAhead", "ByWarmedMoments"),
    "optim.moments": ("ByLargest", "ByMoments", "LargestCorrected", "LargestRaw", "Rectified"),
    "optim.dropping": ("Dropout",),
    "optim.momentum_rules": ("MomentumRule", "Nesterov"),
    "optim.black_box.cmaes": ("CMAES",),
    "optim.black_box.nelder_mead": ("NelderMead",),
    "optim.black_box.random_search": ("RandomSearch",),
    "optim.black_box.restarts": ("Bipop", "Ipop", "Once"),
    "optim.black_box.spsa": ("SPSA",),
    "optim.black_box.two_point": ("TwoPoint",),
    "optim.full_batch": ("BFGS", "ConjugateGradient", "LBFGS"),
    "optim.newton": ("Newton",),
    "optim.step_lengths": ("LineSearch", "Polyak"),
    "optim.variance_reduced": ("SAG", "SAGA", "SVRG"),
    "optim.sgd": ("SGD",),
    "optim.shrinkage": ("Shrink", "WeightDecay"),
    "optim.sign_rules": ("ASGD", "Lion", "Rprop"),
    "optim.signs": ("Averaged", "BySign", "Resilient"),
    "optim.squares": ("ByAverage", "ByDeviation", "BySum", "ByUnits"),
    "optim.statistical": ("BySignal", "StatisticalStep"),
    "optim.suffix": ("Averaging",),
    "optim.contract": ("Plain", "Turning"),
    "optim.transforms": ("Chain", "Clip", "Identity", "Momentum", "RunningAverage"),
    "optim.velocity": ("Ahead", "Dampened", "HeavyBall", "HeavyBallAhead", "LookAhead"),
    "rbm.contrastive": ("ContrastiveDivergence",),
    "rbm.data": ("Rows", "SparseRows"),
    "rbm.drawn": ("Binarised",),
    "rbm.negative": ("Fast", "FromData", "Persistent", "Tempered"),
    "rbm.penalties": ("Penalties",),
    "rbm.steps": ("Steady",),
    "rbm.tapes": ("Later", "Passes"),
    "rbm.units": ("Bernoulli", "Spin"),
    "rbm.units_choice": ("Softmax",),
    "rbm.units_real": ("Gaussian", "ReLU"),
    "engine.pickers": (
        "BatchesWithReplacement", "Colours", "Curriculum", "Greedy", "Minibatches", "Scan", "Shuffled", "Uniform", "Weighted",
    ),
    "engine.schedules": (
        "Constant", "Cosine", "Cyclic", "Exponential", "Linear", "MultiStep", "OneCycle", "Plateau", "Polynomial", "Product",
        "RobbinsMonro", "ScaledByBatch", "Step", "Warmup",
    ),
    "engine.observers": ("Best", "Both", "Counts", "Draws", "Moments", "Nothing", "Trace"),
}  # fmt: skip
BUILT_IN = {f"{module.split('.')[0]}.{name}": module for module, names in MODULES.items() for name in names}
"""Classes that a file may name, and where they live: a file never decides what is imported."""


CHANGING = ("picker", "schedule", "observer", "state", "picker_rng", "kernel_rng")
"""What a block changes as it runs."""


class Door(NamedTuple):
    """What the front door adds to a plan: how its result is put together.

    Attributes
    ----------
    model : object
        The target as the user gave it.
    goal : int
        Steps asked for, warm-up included; 0 where a rule ends the run.
    draw_steps : int
        Steps per draw kept.
    """

    model: Any
    goal: int
    draw_steps: int


class Snapshot:
    """All that a run needs to go on from where it stands."""

    def __init__(self, session: Session, door: Door) -> None:
        self.session, self.door = session, door

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the run to a file; see `stochinf.engine.checkpoint`."""
        session, plan = self.session, self.session.plan
        arrays: checkpoint.Arrays = {}
        parts = {
            "target": self.door.model, "kernel": plan.kernel, "picker": plan.picker, "schedule": plan.schedule,
            "observer": plan.observer, "init": plan.init,
        }  # fmt: skip
        description = {
            "format": checkpoint.FORMAT,
            "versions": versions(),
            "parts": {name: checkpoint.describe(value, arrays, name) for name, value in parts.items()},
            "hashes": {"target": checkpoint.fingerprint(self.door.model), "kernel": checkpoint.fingerprint(plan.kernel)},
            "plan": {name: getattr(plan, name) for name in ("chains", "warmup", "every", "keep_warmup")},
            "entropy": str(plan.entropy),
            "goal": self.door.goal,
            "draw_steps": self.door.draw_steps,
            "step": session.total,
            "seconds": session.seconds,
            "reason": session.reason,
            "interrupted": session.interrupted,
        }
        for number, block in enumerate(session.blocks):
            for name in CHANGING:
                value = observers.trimmed(block.observer) if name == "observer" else getattr(block, name)
                arrays.update(checkpoint.arrays_of(value, f"block{number}.{name}"))
        checkpoint.write(path, description, arrays)


def restored(path: str | os.PathLike[str], target: Any = None, kernel: Any = None) -> tuple[Session, Door]:
    """Return the session that a file holds, as it stood.

    Raises
    ------
    CheckpointError
        If the file is damaged, belongs to another target or kernel, or to one of the user's own that was not given.
    """
    description, arrays = checkpoint.read(path)
    try:
        plan, door = _plan(description, arrays, {"target": target, "kernel": kernel}, str(path))
        session = build(plan, 1)
        for number, block in enumerate(session.blocks):
            _restore(block, number, int(description["step"]), arrays)
        session.seconds = {name: float(value) for name, value in description["seconds"].items()}
        session.reason, session.interrupted = str(description["reason"]), bool(description["interrupted"])
    except CheckpointError:
        raise
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
        raise CheckpointError(f"{path}: not a saved run, or damaged ({error!r})") from error
    return session, door


def _restore(block: Block, number: int, step: int, arrays: checkpoint.Arrays) -> None:
    """Give a fresh block the step and the arrays of a saved one."""
    block.step = step
    fresh = block.picker
    for name in CHANGING:
        place = f"block{number}.{name}"
        setattr(block, name, checkpoint.with_arrays(getattr(block, name), arrays, place, growing=name == "observer"))
    _check_picker(fresh, block.picker)
    kernel = unwrapped(block.kernel)
    if hasattr(kernel, "check_state"):
        kernel.check_state(block.target, block.state)
    for leaf in observers.leaves(block.observer):
        if hasattr(leaf, "seen") and not 0 <= int(leaf.seen[0]) <= block.observations(step):
            raise CheckpointError(f"the saved run has {int(leaf.seen[0])} observations after {step} steps; it is damaged")


def _check_picker(fresh: Any, saved: Any) -> None:
    """Demand that a picker's tables are those of a fresh one, its order a permutation: compiled code uses them as indices."""
    for name, made, read in zip(getattr(fresh, "_fields", ()), fresh, saved, strict=True):
        if isinstance(made, np.ndarray):
            kept = np.sort(read) if name == "order" else read
            if not np.array_equal(kept, np.sort(made) if name == "order" else made, equal_nan=made.dtype.kind == "f"):
                raise CheckpointError(f"the saved run's {type(fresh).__name__}.{name} is damaged")


def _plan(description: dict[str, Any], arrays: checkpoint.Arrays, given: dict[str, Any], path: str) -> tuple[Plan, Door]:
    from stochinf.engine.target import as_target

    parts = {name: _part(name, inner, arrays, given.get(name), description, path) for name, inner in description["parts"].items()}
    model = parts.pop("target")
    chains, warmup, every = (int(description["plan"][name]) for name in ("chains", "warmup", "every"))
    goal, draw_steps, step = (int(description[name]) for name in ("goal", "draw_steps", "step"))
    if min(chains, every, draw_steps) < 1 or min(warmup, goal, step) < 0:
        raise CheckpointError(f"{path}: not a saved run, or damaged (negative counts)")
    keep = bool(description["plan"]["keep_warmup"])
    entropy = int(description["entropy"])
    plan = Plan(target=as_target(model), chains=chains, warmup=warmup, every=every, keep_warmup=keep, entropy=entropy, **parts)
    return plan, Door(model, goal, draw_steps)


def _part(name: str, inner: Any, arrays: checkpoint.Arrays, given: Any, description: dict[str, Any], path: str) -> Any:
    """Return a part: rebuilt from the file, or the user's own after a look at its hash."""
    if given is None:
        return checkpoint.rebuild(inner, arrays, lambda class_name: _find(class_name, name, path))
    if checkpoint.fingerprint(given) != description["hashes"][name]:
        raise CheckpointError(
            f"{path}: the run belongs to another {name} than {given!r:.80}; class, numbers and data must be as in the first call"
        )
    return given


def _find(class_name: str, role: str, path: str) -> Any:
    module = BUILT_IN.get(class_name)
    if module is None:
        remedy = (
            f"pass it again: {role}=..." if role in ("target", "kernel") else "only stochinf's own can be resumed in this place"
        )
        raise CheckpointError(f"{path}: its {role} {class_name} is not one of stochinf's; {remedy}")
    return getattr(importlib.import_module(f"stochinf.{module}"), class_name.split(".")[1])
