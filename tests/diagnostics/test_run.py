"""The result of a run, built by hand: look-ups, the table, the text, the way to arviz."""

import subprocess
import sys
import time

import numpy as np
import pytest

from stochinf.diagnostics import Run, Summary
from stochinf.diagnostics.summary import UnknownNameError
from stochinf.engine.errors import CheckpointError, StochinfError
from stochinf.engine.statistics import summary_row


def make(**changes):
    rng = np.random.default_rng(1)
    fields = {
        "draws": {
            "mu": rng.normal(size=(4, 1000)),
            "theta": rng.normal(size=(4, 1000, 3)),
            "node": rng.integers(0, 2, (4, 1000, 2), np.int8),
        },
        "stats": {"lp": rng.normal(size=(4, 1000)), "diverging": np.zeros((4, 1000)), "n_steps": np.full((4, 1000), 7.0)},
        "warmup_draws": {"mu": rng.normal(size=(4, 50)), "theta": rng.normal(size=(4, 50, 3))},
        "warmup_stats": {"lp": rng.normal(size=(4, 50)), "tree_depth": np.ones((4, 50))},
        "position": rng.normal(size=(4, 6)),
        "observed": {"best": np.arange(3.0)},
        "chains": 4,
        "n_steps": 2000,
        "n_warmup": 50,
        "thin": 2,
        "seconds": {"compile": 0.21, "warmup": 0.1, "sampling": 0.4},
        "rng_entropy": 2**127 + 1,
        "versions": {"stochinf": "0.1.0", "numpy": "2.4"},
        "kernel": "HMC(step_size=0.1)",
        "target": "EightSchools",
        "reason": "all draws made",
        "dims": {"theta": ("school",), "node": ("site",)},
        "coords": {"school": [10, 20, 30], "site": [(0, 0), (0, 1)]},
    }
    return Run(**(fields | changes))


def test_names():
    run = make()
    assert run["theta"].shape == (4, 1000, 3)
    assert list(run) == run.keys() == ["mu", "theta", "node", "best"]
    assert "best" in run
    assert "sigma" not in run
    assert len(run) == 4
    np.testing.assert_array_equal(run["best"], np.arange(3.0))


def test_unknown_name_suggests_and_lists():
    for error in (StochinfError, KeyError):
        with pytest.raises(error) as caught:
            make()["thta"]
        assert str(caught.value) == "no variable 'thta'; did you mean 'theta'? there are: mu, theta, node, best"
    with pytest.raises(UnknownNameError, match=r"no variable 'tau'; there are: mu, theta, node$"):
        make().summary(["mu", "tau"])
    with pytest.raises(UnknownNameError, match=r"no row 'theta\[40\]'; did you mean"):
        make().summary()["theta[40]"]


def test_frozen():
    with pytest.raises(AttributeError):
        make().chains = 3


def test_summary_rows():
    run = make()
    table = run.summary()
    assert list(table) == ["mu", "theta[10]", "theta[20]", "theta[30]", "node[(0, 0)]", "node[(0, 1)]"]
    assert table["theta[20]"] == summary_row(run["theta"][:, :, 1])._asdict()
    assert table["mu"]["mean"] == run["mu"].mean()
    assert table.to_dict().keys() == set(table)
    assert "theta[20]" in table
    assert "theta[1]" not in table
    assert list(run.summary("mu")) == ["mu"]


def test_summary_of_matrices_follows_memory_order():
    draws = np.arange(2 * 5 * 6.0).reshape(2, 5, 2, 3)
    table = Summary({"w": draws})
    assert list(table)[3:5] == ["w[1, 0]", "w[1, 1]"]
    assert table["w[1, 0]"]["mean"] == draws[:, :, 1, 0].mean()


def test_summary_text():
    text = str(make().summary())
    assert repr(make().summary()) == text
    lines = text.splitlines()
    assert lines[0].split() == ["mean", "sd", "mcse_mean", "ess_bulk", "ess_tail", "r_hat"]
    assert len(lines) == 7
    assert max(map(len, lines)) <= 80


def test_summary_edges():
    draws = {
        "constant": np.full((2, 20), 3),
        "broken": np.full((2, 20), np.nan),
        "short": np.arange(6.0).reshape(2, 3),
        "huge": np.random.default_rng(2).normal(size=(2, 20)) * -1e300,
        "frozen": np.repeat([[-1.23e-10], [1e5]], 20, axis=1),
        "a name that is far too long to fit into any table of eighty columns": np.zeros((2, 20, 3)),
    }
    lines = str(Summary(draws)).splitlines()
    assert lines[1].split() == ["constant", "3", "constant"]
    assert lines[2].split() == ["broken", *["nan"] * 6]
    assert lines[3].split()[:3] == ["short", "2.5", "1.871"]
    assert lines[5].split()[-1] == "inf"
    assert max(map(len, lines)) <= 80
    assert Summary({}).to_dict() == {}
    assert str(Summary({})).split()[0] == "mean"


def test_summary_shows_few_rows_of_many_and_computes_only_those():
    draws = {"node": np.random.default_rng(3).integers(0, 2, (2, 20, 100_000), np.int8)}
    start = time.perf_counter()
    lines = str(Summary(draws)).splitlines()
    assert time.perf_counter() - start < 5.0
    assert len(lines) == 42
    assert lines[-1] == "... and 99,960 more rows"
    assert Summary(draws)["node[99999]"]["mean"] == draws["node"][:, :, -1].mean()
    assert len(str(Summary(draws, max_rows=3)).splitlines()) == 5


def test_summary_html():
    html = make(dims={"theta": ("school",)}, coords={"school": ["<a>", "b", "c"]}).summary(max_rows=2)._repr_html_()
    assert "theta[&lt;a&gt;]" in html
    assert html.count("<tr>") == 3
    assert "... and 4 more rows" in html


def test_text():
    lines = repr(make()).splitlines()
    assert lines[:7] == [
        "HMC(step_size=0.1) on EightSchools",
        "  chains    4 x 1,000 draws, 2,000 steps each (1 in 2 kept) after 50 of warm-up",
        "  draws     mu, theta[3], node[2]",
        "  observed  best",
        "  time      compile 0.21 s, warmup 0.1 s, sampling 0.4 s; 20,000 steps/s",
        "  seed      170141183460469231731687303715884105729",
        "  stopped   all draws made",
    ]
    assert lines[7].startswith("  figures   worst R-hat 1.0")
    assert len(lines) == 8
    assert "&lt;class" in make(target="<class>")._repr_html_()


def test_text_fits():
    draws = {f"a_rather_long_name_{i}": np.ones((1, 5, 2)) for i in range(90)}
    lines = repr(make(draws=draws, kernel="K" * 300, reason="because " * 20)).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 14
    assert repr(Run(chains=1, n_steps=5)) == "Run\n  chains    1, 5 steps each"


def test_warnings():
    assert make().warnings == []
    draws = {"mu": np.random.default_rng(4).normal(size=(4, 50)) + np.arange(4)[:, None]}
    run = make(draws=draws, interrupted=True, nonfinite=1200, stats={"diverging": np.eye(4, 50)})
    text = " ".join(repr(run).split())
    for part in (
        "interrupted:",
        "1,200 log densities not finite",
        "4 divergences after warm-up",
        "for mu, above 1.01",
        "few effective draws:",
    ):
        assert part in text


def test_large_runs_are_not_judged():
    assert make(draws={"x": np.zeros((2, 10, 51))}).worst is None
    assert make(draws={"x": np.zeros((2, 10, 3))}).worst is None


def test_save():
    with pytest.raises(CheckpointError, match=r"'there\.npz' not written: this run holds no checkpoint"):
        make().save("there.npz")

    class Snapshot:
        def write(self, path):
            self.path = path

    snapshot = Snapshot()
    make(checkpoint=snapshot).save("there.npz")
    assert snapshot.path == "there.npz"


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_to_arviz():
    run = make()
    data = run.to_arviz()
    np.testing.assert_array_equal(data["posterior"]["theta"].values, run["theta"])
    assert list(data["posterior"]["school"].values) == [10, 20, 30]
    assert data["sample_stats"]["diverging"].dtype == bool
    assert data["sample_stats"]["n_steps"].dtype == np.int64
    assert data["warmup_sample_stats"]["tree_depth"].dtype == np.int64
    assert data["warmup_posterior"]["mu"].shape == (4, 50)
    attrs = data["posterior"].attrs
    assert attrs["rng_entropy"] == str(2**127 + 1)
    assert (attrs["sampling_time"], attrs["tuning_steps"], attrs["inference_library"]) == (0.4, 50, "stochinf")
    small = run.to_arviz(var_names=["mu"], warmup=False)
    assert list(small["posterior"].data_vars) == ["mu"]
    assert "school" not in small["posterior"].coords
    groups = small.groups() if callable(small.groups) else small.groups
    assert not any("warmup" in group for group in groups)


def test_to_arviz_needs_draws():
    with pytest.raises(StochinfError, match="draws: none kept"):
        make(draws={}).to_arviz()


def test_light():
    program = (
        "import sys, numpy; from stochinf.diagnostics import Run\n"
        "run = Run(draws={'x': numpy.random.default_rng(1).normal(size=(4, 100))}, chains=4, n_steps=100)\n"
        "str(run.summary()), repr(run)\n"
        "print({'scipy', 'arviz', 'arviz_base', 'pandas', 'xarray', 'numba'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"
