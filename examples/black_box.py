"""Tune an optimiser as a black box: the learning rate and momentum of SGD, found by CMA-ES, Nelder-Mead and random search.

The score is what ten epochs of SGD leave above the optimum, a function of two numbers without a gradient; each rule may ask for
sixty values. The last lines search the same space with `stochinf.search`, which warns where a range was too narrow.
"""

import math

import numpy as np

import stochinf as si


def excess(model: si.models.LogisticRegression, best: float, place: np.ndarray) -> float:
    """Return log10 of what SGD with rate 10^place[0] and momentum 1 - 10^place[1] leaves above the optimum."""
    rule = si.optim.SGD(10.0 ** place[0], si.optim.momentum(1.0 - 10.0 ** place[1]))
    result = si.minimize(model, rule, stop=si.stop.epochs(10), rng=0, progress=False)
    return math.log10(max(result.fun - best, 1e-16)) if result.success else 3.0


def main() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(400), rng.normal(size=(400, 4)) * [1.0, 3.0, 0.3, 1.0]])
    y = X @ [0.5, 1.0, -0.5, 2.0, 0.0] + rng.logistic(size=400) > 0
    model = si.models.LogisticRegression(X, y, l2=1e-2)
    best = si.minimize(model, progress=False).fun

    problem = si.Function(lambda place: excess(model, best, place), 2, bounds=([-5.0, -3.0], [1.0, 0.0]))
    rules = {"CMA-ES": si.optim.CMAES(), "Nelder-Mead": si.optim.NelderMead(), "random": si.optim.RandomSearch()}
    for name, rule in rules.items():
        found = si.minimize(problem, rule, stop=si.stop.steps(60), rng=1, progress=False)
        rate, momentum = 10.0 ** found.x[0], 1.0 - 10.0 ** found.x[1]
        print(
            f"{name:<12} rate {rate:.2e}, momentum {momentum:.3f}: 10^{found.fun:.2f} above the optimum after {found.nfev} values"
        )

    space = {"rate": si.search.Log(1e-5, 10.0), "drag": si.search.Log(1e-3, 1.0)}
    searched = si.search.coarse_to_fine(lambda p: excess(model, best, np.log10([p["rate"], p["drag"]])), space, trials=60, rng=1)
    print(f"coarse to fine: rate {searched.best['rate']:.2e}, momentum {1 - searched.best['drag']:.3f}: 10^{searched.score:.2f}")


if __name__ == "__main__":
    main()
