"""Advice at the end of a run names what it is about, and nothing is said of a run that is well."""

import arviz
import numpy as np
import pytest

from stochinf.diagnostics import Run, bfmi

pytestmark = pytest.mark.fast


def run(**changes):
    rng = np.random.default_rng(1)
    fields = {
        "draws": {
            "mu": rng.normal(size=(4, 1000)),
            "tau": np.exp(rng.normal(size=(4, 1000))),
            "b": rng.normal(size=(4, 1000, 3)),
        },
        "stats": {"lp": rng.normal(size=(4, 1000)), "energy": rng.normal(size=(4, 1000))},
        "chains": 4,
        "n_steps": 1000,
    }
    return Run(**(fields | changes))


def advice(**changes):
    return " ".join(run(**changes).warnings)


def test_nothing_is_said_of_a_good_run():
    assert run().warnings == []


def test_divergences_are_placed():
    draws = dict(run().draws)
    said = advice(stats={"diverging": draws["tau"] < 0.15})
    assert "divergences after warm-up, most where tau is small (median 0.1" in said
    assert "target_acceptance" in said
    said = advice(stats={"diverging": draws["tau"] < 0.15}, divergences={"tau": np.full(9, 0.01)})
    assert "tau is small (median 0.01 where they begin, 0.9" in said
    anywhere = np.random.default_rng(2).uniform(size=(4, 1000)) < 0.01
    assert "most where" not in advice(stats={"diverging": anywhere})


def test_divergences_of_an_entry_have_its_label():
    draws = dict(run().draws)
    said = run(
        stats={"diverging": draws["b"][:, :, 1] > 2.2}, dims={"b": ("school",)}, coords={"school": ["east", "north", "west"]}
    ).warnings[0]
    assert "most where b[north] is large" in said


def test_energy():
    slow = np.cumsum(np.random.default_rng(3).normal(size=(4, 1000)), axis=1)
    slow[1:] = run().stats["energy"][1:]
    assert "E-BFMI is 0.0" in advice(stats={"energy": slow})
    assert "in chain 0, below 0.3" in advice(stats={"energy": slow})


def test_energy_is_judged_as_arviz_does():
    energy = np.random.default_rng(4).normal(size=(3, 200)).cumsum(axis=1)
    try:
        expected = arviz.bfmi(energy)
    except TypeError:
        pytest.skip("this arviz takes another shape")
    np.testing.assert_allclose(bfmi(energy), np.asarray(expected), rtol=1e-12)


def test_energy_by_its_definition():
    energy = np.array([[1.0, 3.0, 2.0, 6.0]])
    np.testing.assert_allclose(bfmi(energy), (4 + 1 + 16) / np.var(energy) / 4)
    assert np.isnan(bfmi(np.ones((1, 5))))[0]


def test_trajectories_that_were_cut():
    assert "25% of the trajectories were cut" in advice(
        stats={"reached_max_treedepth": np.arange(4000).reshape(4, 1000) % 4 == 0}
    )
    assert advice(stats={"reached_max_treedepth": np.arange(4000).reshape(4, 1000) == 0}) == ""


def test_offenders_are_named_worst_first():
    draws = {name: np.random.default_rng(5).normal(size=(4, 1000)) for name in "abcdef"}
    shift = np.arange(4)[:, None]
    shifted = {name: x + shift * (0.15 * "abcdef".index(name)) for name, x in draws.items()}
    said = advice(draws=shifted)
    assert "for f, above 1.01 (also e, d, c and " in said


def test_hundreds_of_variables_are_screened():
    draws = np.random.default_rng(6).normal(size=(4, 400, 300))
    draws[:, :, 217] += np.arange(4)[:, None]
    draws[:, :, 41] = np.cumsum(draws[:, :, 41], axis=1)
    many = run(draws={"x": draws}, stats={})
    assert len(many.judged) <= 50
    said = " ".join(many.warnings)
    assert "x[217]" in said
    assert "for x[41], below 400" in said
    assert run(draws={"x": draws[:, :3]}, stats={}).judged == []


def test_what_does_not_move_is_named():
    draws = dict(run().draws)
    draws["corner"] = np.broadcast_to([0.0, 1.0], (4, 1000, 2))
    assert advice(draws=draws) == ""
    draws["still"] = np.full((4, 1000), 0.37)
    assert "constant in every draw: still;" in advice(draws=draws)
    draws = dict(run().draws)
    draws["mu"] = draws["mu"].copy()
    draws["mu"][2] = draws["mu"][2, 0]
    assert "chain 2 never moved" in advice(draws=draws)
    assert "the log density is the same at every draw" in advice(stats={"lp": np.zeros((4, 1000))})


def test_notes_are_shown():
    assert "note      a diagonal metric" in repr(run(notes=("a diagonal metric",)))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_data_of_the_model_go_to_arviz():
    data = run(data={"y": np.arange(8.0)}, dims={"y": ("school",)}, coords={"school": list("abcdefgh")}).to_arviz()
    np.testing.assert_array_equal(data["constant_data"]["y"].values, np.arange(8.0))
    assert list(data["constant_data"]["school"].values) == list("abcdefgh")
