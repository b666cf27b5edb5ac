"""Every rule against what PyTorch recorded, step for step; every schedule of its too."""

import numpy as np
import pytest
from golden_torch import PROBLEMS, TORCH, X0, error

import stochinf as si
from stochinf import optim
from stochinf.engine.rates import write_rates

RULES = {
    "sgd": optim.SGD,
    "sgd_wd": optim.SGD,
    "momentum": optim.Momentum,
    "momentum_damp": optim.Momentum,
    "nesterov": optim.Nesterov,
    "adagrad": optim.AdaGrad,
    "adagrad_tfacc": optim.AdaGrad,
    "adagrad_lrdecay": optim.AdaGrad,
    "adadelta": optim.AdaDelta,
    "rmsprop": optim.RMSProp,
    "rmsprop_mom": optim.RMSProp,
    "rmsprop_centered": optim.RMSProp,
    "adam": optim.Adam,
    "adam_wd": optim.Adam,
    "amsgrad": optim.AMSGrad,
    "adamw": optim.AdamW,
    "adamax": optim.AdaMax,
    "nadam": optim.NAdam,
    "radam": optim.RAdam,
    "rprop": optim.Rprop,
    "asgd": optim.ASGD,
}
OURS = {"lr": "learning_rate", "alpha": "rho"}
IMPLIED = {"amsgrad", "nesterov"}


def rule(name):
    """The rule of a recorded configuration, from the arguments that PyTorch was given."""
    given = {OURS.get(key, key): value for key, value in TORCH["runs"][name]["kwargs"].items() if key not in IMPLIED}
    return RULES[name](**given, convention="torch")


def worst(name, start):
    runs = TORCH["runs"][name]
    return max(error(optim.trajectory(rule(name), start, gradient, 50), np.array(runs[p])) for p, gradient in PROBLEMS.items())


def test_every_recorded_configuration_is_compared():
    assert RULES.keys() == TORCH["runs"].keys()


@pytest.mark.fast
@pytest.mark.parametrize("name", RULES)
def test_double_precision_equals_torch(name):
    assert worst(name, X0) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_single_precision_equals_torch(name):
    assert worst(name, X0.astype(np.float32)) < 1e-5


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_single_precision_computes_in_it(name):
    path = optim.trajectory(rule(name), X0.astype(np.float32), PROBLEMS["stream"])
    assert path.dtype == np.float32
    assert 0 < worst(name, X0.astype(np.float32)) < 1e-5


@pytest.mark.fast
def test_adam_with_amsgrad_is_amsgrad():
    paths = [optim.trajectory(made, X0, PROBLEMS["stream"]) for made in (optim.Adam(0.01, amsgrad=True), optim.AMSGrad(0.01))]
    assert (paths[0] == paths[1]).all()


@pytest.mark.fast
@pytest.mark.parametrize("made", [optim.SGD(0.01, momentum=0.9, nesterov=True), optim.chain(optim.Nesterov(0.01))])
def test_the_same_rule_under_another_name(made):
    paths = [optim.trajectory(rule, X0, PROBLEMS["quad"], 50) for rule in (made, optim.Nesterov(0.01))]
    assert (paths[0] == paths[1]).all()


s = si.schedules
SCHEDULES = {
    "StepLR(10,.5)": s.Step(10, 0.5),
    "MultiStepLR([5,20],.1)": s.MultiStep([5, 20], 0.1),
    "ExponentialLR(.9)": s.Exponential(0.9),
    "LinearLR(1/3,1,5)": s.Linear(5, 1 / 3, 1.0),
    "PolynomialLR(20,2)": s.Polynomial(20, 2.0),
    "CosineAnnealingLR(20,.001)": s.Cosine(20, final=0.01, mirrored=True),
    "CosineAnnealingWarmRestarts(5,2,.001)": s.Cosine(5, 2, final=0.01),
    "CyclicLR(.01,.1,7,triangular)": s.Cyclic(7, 0.1, 1.0),
    "CyclicLR(.01,.1,7,triangular2)": s.Cyclic(7, 0.1, 1.0, 0.5),
    "OneCycleLR(.1,total_steps=40)": s.OneCycle(41),  # recorded with one step more than its name says
}
PLATEAU = "ReduceLROnPlateau(patience=3,factor=.5)"


@pytest.mark.fast
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_equal_torch(name):
    rates = np.empty(40)
    write_rates(0.1 * SCHEDULES[name], rates, 0)
    np.testing.assert_allclose(rates, TORCH["schedules"][name], rtol=1e-12, atol=1e-16)


class Objectives:
    """A target whose objectives are given."""

    n_points = 1

    def __init__(self, values):
        self.values = iter(values)

    def objective(self, position):
        return next(self.values)


@pytest.mark.fast
def test_a_plateau_equals_torch_whose_patience_counts_one_review_less():
    target = Objectives(TORCH["plateau_metrics"])
    plateau = s.Plateau(factor=0.5, patience=3 + 1).prepare(target)
    rates = []
    for step in range(40):
        rates.append(0.1 * plateau.at(step))
        plateau.review(target, np.zeros(1))
    np.testing.assert_allclose(rates, TORCH["schedules"][PLATEAU], rtol=1e-12)
    assert {*SCHEDULES, PLATEAU} == TORCH["schedules"].keys()


@pytest.mark.fast
def test_schedules_reach_the_rule():
    path = optim.trajectory(optim.SGD(0.5 * s.Exponential(0.5)), [1.0], np.ones((3, 1)), schedule=2.0)
    np.testing.assert_allclose(path[:, 0], [0.0, -0.5, -0.75], atol=1e-15)


BAD = {
    "no steps": (lambda: optim.trajectory(optim.SGD(0.1), [0.0], lambda x: x), "give steps"),
    "too many steps": (lambda: optim.trajectory(optim.SGD(0.1), [0.0], np.ones((3, 1)), 4), "4 steps, and 3 gradients"),
    "a gradient of another shape": (lambda: optim.trajectory(optim.SGD(0.1), [0.0, 1.0], lambda x: x[:1], 2), r"shape \(1,\)"),
    "gradients of another shape": (lambda: optim.trajectory(optim.SGD(0.1), [0.0, 1.0], np.ones((3, 1))), r"\(steps, 2\)"),
    "a start that is none": (lambda: optim.trajectory(optim.SGD(0.1), ["a"], np.ones((3, 1))), "x0"),
    "an open rate": (lambda: optim.trajectory(optim.SGD(), [0.0], np.ones((3, 1))), "learning_rate was left open"),
    "no rule": (lambda: optim.trajectory(0.1, [0.0], np.ones((3, 1))), "0.1 is no transform"),
    "beta of one": (lambda: optim.Adam(beta1=1.0), "Adam: beta1 = 1.0"),
    "negative eps": (lambda: optim.RMSProp(eps=-1.0), "RMSProp: eps = -1.0"),
    "optax without a rate": (lambda: optim.Adam(convention="optax"), "Adam: optax has no default learning_rate"),
    "a convention that has no such rule": (lambda: optim.RAdam(convention="keras"), "RAdam: convention = 'keras'"),
    "etas in the wrong order": (lambda: optim.Rprop(etas=(1.2, 0.5)), "Rprop: etas"),
    "no window": (lambda: optim.StatisticalStep(warmup=0), "StatisticalStep: warmup = 0"),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    call, message = BAD[case]
    with pytest.raises(si.StochinfError, match=message):
        call()
