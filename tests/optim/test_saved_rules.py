"""Rules of whole passes and of reduced variance: a saved run goes on to the bit."""

import numpy as np
import pytest
import scipy.sparse as sp

import stochinf as si

RNG = np.random.default_rng(1)
X = sp.random_array((60, 6), density=0.4, rng=RNG).tocsr()
MODEL = si.models.LogisticRegression(X, RNG.integers(0, 2, 60), l2=0.05, intercept=True)
RULES = [si.optim.SAGA(), si.optim.SAG(0.1), si.optim.SVRG(), si.optim.Newton(), si.optim.LBFGS(), si.optim.Polyak(0.1)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_a_saved_run_goes_on_to_the_bit(rule, tmp_path):
    steps = 100 if hasattr(rule.prepare(MODEL.as_target()), "correction") or type(rule).__name__ == "Polyak" else 4
    whole = si.run(rule, MODEL, steps=2 * steps, rng=3, progress=False)
    si.run(rule, MODEL, steps=steps, rng=3, checkpoint=tmp_path / "half", progress=False)
    again = si.resume(tmp_path / "half", steps, progress=False)
    assert again["coefficients"].tobytes() == whole["coefficients"].tobytes()
    assert again["intercept"].tobytes() == whole["intercept"].tobytes()
