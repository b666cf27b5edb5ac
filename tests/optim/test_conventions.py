"""Rules in the conventions of optax, Keras and textbooks, against their formulas written in numpy."""

import math

import numpy as np
import pytest
from golden_torch import PROBLEMS, X0, error

import stochinf as si
from stochinf import optim

STEPS = 50
SQRT = np.sqrt


def adagrad(t, x, g, s, lr, start, eps, inside):
    s["v"] = s.get("v", np.full_like(x, start)) + g * g
    return x - lr * g / (SQRT(s["v"] + eps) if inside else SQRT(s["v"]) + eps)


def adadelta(t, x, g, s, lr, rho, eps):
    s["v"] = rho * s.get("v", 0) + (1 - rho) * g * g
    d = SQRT(s.get("u", 0) + eps) / SQRT(s["v"] + eps) * g
    s["u"] = rho * s.get("u", 0) + (1 - rho) * d * d
    return x - lr * d


def rmsprop(t, x, g, s, lr, rho, eps, mu=0.0, inside=True, nesterov=False, centred=False, corrected=False):
    s["v"] = rho * s.get("v", 0) + (1 - rho) * g * g
    v = s["v"] / (1 - rho**t) if corrected else s["v"]
    if centred:
        s["m"] = rho * s.get("m", 0) + (1 - rho) * g
        v = v - s["m"] ** 2
    u = g / SQRT(v + eps) if inside else g / (SQRT(v) + eps)
    if mu:
        s["b"] = mu * s.get("b", 0) + u
        u = u + mu * s["b"] if nesterov else s["b"]
    return x - lr * u


def moments(t, x, g, s, b1, b2):
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0) + (1 - b2) * g * g
    return s["m"] / (1 - b1**t), s["v"] / (1 - b2**t)


def adam(t, x, g, s, lr=0.01, b1=0.9, b2=0.999, eps=1e-8, root=0.0, wd=0.0):
    m, v = moments(t, x, g, s, b1, b2)
    return x - lr * (m / (SQRT(v + root) + eps) + wd * x)


def adam_hat(t, x, g, s, lr=0.01, b1=0.9, b2=0.999, eps=1e-7, wd=0.0, largest=False):
    x = x * (1 - lr * wd)
    moments(t, x, g, s, b1, b2)
    v = s["v"]
    if largest:
        s["x"] = v = np.maximum(s.get("x", 0), v)
    return x - lr * SQRT(1 - b2**t) / (1 - b1**t) * s["m"] / (SQRT(v) + eps)


def amsgrad(t, x, g, s, lr=0.01, b1=0.9, b2=0.999, eps=1e-8, corrected=True):
    m, v = moments(t, x, g, s, b1, b2)
    if not corrected:
        m, v = s["m"], s["v"]
    s["x"] = np.maximum(s.get("x", 0), v)
    return x - lr * m / (SQRT(s["x"]) + eps)


def nadam_dozat(t, x, g, s, lr=0.01, b1=0.9, b2=0.999, eps=1e-8):
    _, v = moments(t, x, g, s, b1, b2)
    mixed = b1 * s["m"] / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
    return x - lr * mixed / (SQRT(v) + eps)


def nadam_keras(t, x, g, s, lr=0.01, b1=0.9, b2=0.999, eps=1e-7):
    now, then = (b1 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
    s["p"] = s.get("p", 1.0) * now
    _, v = moments(t, x, g, s, b1, b2)
    mixed = then * s["m"] / (1 - s["p"] * then) + (1 - now) * g / (1 - s["p"])
    return x - lr * mixed / (SQRT(v) + eps)


def adamax(t, x, g, s, lr=0.01, b1=0.9, b2=0.999, eps=1e-8, outside=False):
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["u"] = np.maximum(b2 * s.get("u", 0), np.abs(g) + (0.0 if outside else eps))
    return x - lr / (1 - b1**t) * s["m"] / (s["u"] + (eps if outside else 0.0))


def radam(t, x, g, s, lr=0.01, b1=0.9, b2=0.999, eps=1e-8):
    m, v = moments(t, x, g, s, b1, b2)
    longest = 2 / (1 - b2) - 1
    r = longest - 2 * t * b2**t / (1 - b2**t)
    if r < 5:
        return x - lr * m
    k = SQRT((r - 4) * (r - 2) * longest / ((longest - 4) * (longest - 2) * r))
    return x - lr * m * k / (SQRT(v) + eps)


def lion(t, x, g, s, lr=0.01, b1=0.9, b2=0.99, wd=0.0):
    m = s.get("m", np.zeros_like(x))
    s["m"] = b2 * m + (1 - b2) * g
    return x - lr * (np.sign((1 - b1) * g + b1 * m) + wd * x)


def heavy_ball(t, x, g, s, lr=0.01, mu=0.9, nesterov=False, rate=lambda t: 1.0):
    s["b"] = mu * s.get("b", 0) - lr * rate(t) * g
    return x + mu * s["b"] - lr * rate(t) * g if nesterov else x + s["b"]


def trace(t, x, g, s, lr=0.01, mu=0.9, nesterov=False):
    s["b"] = mu * s.get("b", 0) + g
    return x - lr * (g + mu * s["b"] if nesterov else s["b"])


O, K, B = "optax", "keras", "textbook"
CASES = {
    "optax sgd": (optim.SGD(0.01, convention=O), lambda *a: trace(*a, mu=0.0)),
    "optax momentum": (optim.Momentum(0.01, convention=O), trace),
    "optax nesterov": (optim.Nesterov(0.01, convention=O), lambda *a: trace(*a, nesterov=True)),
    "optax adagrad": (optim.AdaGrad(0.1, convention=O), lambda *a: adagrad(*a, 0.1, 0.1, 1e-7, True)),
    "optax adadelta": (optim.AdaDelta(1.0, convention=O), lambda *a: adadelta(*a, 1.0, 0.9, 1e-6)),
    "optax rmsprop": (optim.RMSProp(0.01, convention=O), lambda *a: rmsprop(*a, 0.01, 0.9, 1e-8)),
    "optax rmsprop, eps outside": (
        optim.RMSProp(0.01, eps_in_sqrt=False, convention=O),
        lambda *a: rmsprop(*a, 0.01, 0.9, 1e-8, inside=False),
    ),
    "optax rmsprop, momentum": (optim.RMSProp(0.01, momentum=0.9, convention=O), lambda *a: rmsprop(*a, 0.01, 0.9, 1e-8, 0.9)),
    "optax rmsprop, nesterov": (
        optim.RMSProp(0.01, momentum=0.9, nesterov=True, convention=O),
        lambda *a: rmsprop(*a, 0.01, 0.9, 1e-8, 0.9, nesterov=True),
    ),
    "optax rmsprop, centred": (
        optim.RMSProp(0.01, centered=True, convention=O),
        lambda *a: rmsprop(*a, 0.01, 0.9, 1e-8, centred=True),
    ),
    "optax rmsprop, corrected": (
        optim.RMSProp(0.01, bias_correction=True, convention=O),
        lambda *a: rmsprop(*a, 0.01, 0.9, 1e-8, corrected=True),
    ),
    "optax adam": (optim.Adam(0.01, convention=O), adam),
    "optax adam, eps_root": (optim.Adam(0.01, eps_root=1e-8, convention=O), lambda *a: adam(*a, root=1e-8)),
    "optax amsgrad": (optim.AMSGrad(0.01, convention=O), amsgrad),
    "optax amsgrad, uncorrected": (
        optim.AMSGrad(0.01, bias_correction=False, convention=O),
        lambda *a: amsgrad(*a, corrected=False),
    ),
    "optax adamw": (optim.AdamW(0.01, convention=O), lambda *a: adam(*a, wd=1e-4)),
    "optax nadam": (optim.NAdam(0.01, convention=O), nadam_dozat),
    "optax lion": (optim.Lion(0.01, convention=O), lambda *a: lion(*a, wd=1e-3)),
    "optax adamax": (optim.AdaMax(0.01, convention=O), adamax),
    "optax radam": (optim.RAdam(0.01, convention=O), radam),
    "keras momentum": (optim.Momentum(convention=K), heavy_ball),
    "keras nesterov": (optim.Nesterov(convention=K), lambda *a: heavy_ball(*a, nesterov=True)),
    "keras adagrad": (optim.AdaGrad(convention=K), lambda *a: adagrad(*a, 1e-3, 0.1, 1e-7, True)),
    "keras adadelta": (optim.AdaDelta(convention=K), lambda *a: adadelta(*a, 1e-3, 0.95, 1e-7)),
    "keras rmsprop": (optim.RMSProp(convention=K), lambda *a: rmsprop(*a, 1e-3, 0.9, 1e-7)),
    "keras rmsprop, centred": (
        optim.RMSProp(centered=True, convention=K),
        lambda *a: rmsprop(*a, 1e-3, 0.9, 1e-7, centred=True),
    ),
    "keras rmsprop, momentum": (
        optim.RMSProp(momentum=0.9, convention=K),
        lambda *a: rmsprop(*a, 1e-3, 0.9, 1e-7, 0.9),
    ),
    "keras adam": (optim.Adam(convention=K), lambda *a: adam_hat(*a, lr=1e-3)),
    "keras adamw": (optim.AdamW(convention=K), lambda *a: adam_hat(*a, lr=1e-3, wd=4e-3)),
    "keras amsgrad": (optim.AMSGrad(convention=K), lambda *a: adam_hat(*a, lr=1e-3, largest=True)),
    "keras nadam": (optim.NAdam(0.01, convention=K), nadam_keras),
    "keras adamax": (optim.AdaMax(0.01, convention=K), lambda *a: adamax(*a, eps=1e-7, outside=True)),
    "keras lion": (optim.Lion(convention=K), lambda *a: lion(*a, lr=1e-3)),
    "textbook momentum": (optim.Momentum(0.01, convention=B), heavy_ball),
    "textbook adagrad": (optim.AdaGrad(0.1, convention=B), lambda *a: adagrad(*a, 0.1, 0.0, 1e-7, False)),
    "textbook rmsprop": (optim.RMSProp(0.01, convention=B), lambda *a: rmsprop(*a, 0.01, 0.9, 1e-6)),
    "textbook adam": (optim.Adam(0.01, convention=B), adam),
    "textbook amsgrad": (optim.AMSGrad(0.01, convention=B), lambda *a: amsgrad(*a, corrected=False)),
    "no convention, lion": (optim.Lion(0.01), lion),
}


def walk(formula, gradient):
    x, memory, path = X0.copy(), {}, []
    for t in range(STEPS):
        x = formula(t + 1, x, gradient[t] if isinstance(gradient, np.ndarray) else gradient(x), memory)
        path.append(x)
    return np.array(path)


@pytest.mark.fast
@pytest.mark.parametrize("case", CASES)
def test_a_convention_is_its_formula(case):
    rule, formula = CASES[case]
    for gradient in PROBLEMS.values():
        assert error(optim.trajectory(rule, X0, gradient, STEPS), walk(formula, gradient)) < 1e-12


@pytest.mark.fast
def test_nesterov_of_the_textbook_is_that_of_torch_seen_from_ahead():
    gradient, mu = PROBLEMS["quad"], 0.9
    book = optim.trajectory(optim.Nesterov(0.01, mu, convention="textbook"), X0, gradient, STEPS)
    velocity = np.diff(np.vstack([X0, book]), axis=0)
    torch = optim.trajectory(optim.Nesterov(0.01, mu, convention="torch"), X0, gradient, STEPS)
    assert error(book + mu * velocity, torch) < 1e-12
    x, v = X0.copy(), np.zeros_like(X0)
    for step in range(STEPS):
        v = mu * v - 0.01 * gradient(x + mu * v)
        x = x + v
        assert error(book[step], x) < 1e-12


@pytest.mark.fast
def test_the_rate_is_inside_the_velocity_in_textbooks_and_keras_only():
    """Where the rate halves, a velocity that has it inside goes on at the old one."""
    schedule, gradient = si.schedules.MultiStep([20], 0.5), PROBLEMS["quad"]
    paths = {
        c: optim.trajectory(optim.Momentum(0.01, convention=c), X0, gradient, STEPS, schedule=schedule)
        for c in (None, "torch", O, K, B)
    }
    assert (paths[None] == paths["torch"]).all()
    assert error(paths["torch"], paths[O]) < 1e-15
    assert error(paths[K], walk(lambda *a: heavy_ball(*a, rate=lambda t: 1.0 if t <= 20 else 0.5), gradient)) < 1e-12
    assert error(paths[K], paths[B]) < 1e-15
    assert error(paths["torch"][:20], paths[K][:20]) < 1e-12
    assert error(paths["torch"], paths[K]) > 1e-3


@pytest.mark.fast
def test_goodfellows_rmsprop_takes_the_gradient_ahead():
    gradient, mu, rho = PROBLEMS["quad"], 0.9, 0.9
    path = optim.trajectory(optim.RMSProp(0.01, momentum=mu, convention="textbook"), X0, gradient, STEPS)
    x, v, r = X0.copy(), np.zeros_like(X0), np.zeros_like(X0)
    for step in range(STEPS):
        g = gradient(x + mu * v)
        r = rho * r + (1 - rho) * g * g
        v = mu * v - 0.01 / SQRT(r + 1e-6) * g
        x = x + v
        assert error(path[step], x) < 1e-12


@pytest.mark.fast
def test_conventions_fill_in_their_own_numbers():
    assert optim.Adam(convention="torch").learning_rate == 1e-3
    assert optim.Adam(convention="keras").eps == 1e-7
    assert optim.RMSProp(convention="torch").rho == 0.99
    assert optim.RMSProp(0.1, convention="optax").rho == 0.9
    assert optim.AdaGrad(0.1, convention="optax").initial_accumulator_value == 0.1
    assert optim.AdamW(0.1, weight_decay=0.5, convention="optax").weight_decay == 0.5
    assert math.isnan(optim.Adam().learning_rate)


@pytest.mark.fast
@pytest.mark.parametrize(
    ("rule", "formula"),
    [
        (optim.Momentum(0.1, convention="torch"), "v <- momentum v + g; w <- w - rate v"),
        (optim.Momentum(0.1, convention="textbook"), "v <- momentum v - rate g; w <- w + v"),
        (optim.RMSProp(0.1, convention="torch"), "v <- rho v + (1 - rho) g^2; w <- w - rate g / (sqrt(v) + eps)"),
        (optim.RMSProp(0.1, convention="optax"), "v <- rho v + (1 - rho) g^2; w <- w - rate g / sqrt(v + eps)"),
        (optim.Adam(0.1, convention="keras"), "w <- w - rate (m / c1) / (sqrt(v / c2) + eps / sqrt(c2))"),
        (optim.AMSGrad(0.1, convention="torch"), "x <- max(x, v); w <- w - rate (m / c1) / (sqrt(x / c2) + eps)"),
        (optim.AMSGrad(0.1, convention="optax"), "x <- max(x, v / c2); w <- w - rate (m / c1) / (sqrt(x) + eps)"),
    ],
)
def test_the_repr_is_the_formula(rule, formula):
    assert formula in repr(rule)
    assert f"convention={rule.convention!r}" in repr(rule)
