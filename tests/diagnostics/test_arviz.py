"""Groups of arrays become what the installed arviz reads, and its summary works on every group."""

import warnings
from importlib.metadata import version

import numpy as np
import pytest

from stochinf.diagnostics import to_arviz
from stochinf.diagnostics.arviz import GROUPS, WARMUP
from stochinf.engine.errors import StochinfError

OLD = version("arviz").startswith("0.")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def peer():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz
    return arviz


def summary(peer, data, group):
    """Each line's own way to summarise one group."""
    if OLD:
        from arviz import convert_to_inference_data

        return peer.summary(convert_to_inference_data(data[group]))
    return peer.summary(data[group].to_dataset())


@pytest.fixture
def groups():
    rng = np.random.default_rng(1)
    return {
        "posterior": {
            "theta": rng.normal(size=(4, 50, 3)),
            "on": rng.random((4, 50)) < 0.5,
            "state": rng.integers(0, 2, (4, 50, 2), np.int8),
        },
        "sample_stats": {
            "lp": rng.normal(size=(4, 50)),
            "diverging": rng.random((4, 50)) < 0.1,
            "accepted": rng.random((4, 50)) < 0.5,
        },
        "warmup_posterior": {"theta": rng.normal(size=(4, 20, 3))},
        "warmup_sample_stats": {"lp": rng.normal(size=(4, 20))},
        "observed_data": {"y": np.arange(3.0)},
    }


def names(data):
    return list(data.groups()) if OLD else [group.strip("/") for group in data.groups if group != "/"]


def test_groups_coordinates_and_types(peer, groups):
    dims = {"theta": ["school"], "state": ["node"]}
    data = to_arviz(groups, dims=dims, coords={"school": [1, 2, 3], "node": [(0, 0), (0, 1)]}, attrs={"sampling_time": 1.5})
    assert sorted(names(data)) == sorted(groups)
    posterior = data["posterior"]
    assert posterior["theta"].dims == ("chain", "draw", "school")
    assert list(posterior["school"].values) == [1, 2, 3]
    assert posterior["school"].dtype == np.int64
    assert list(posterior["node"].values) == ["(0, 0)", "(0, 1)"]
    assert posterior["on"].dtype == posterior["state"].dtype == data["sample_stats"]["accepted"].dtype == np.int8
    assert data["sample_stats"]["diverging"].dtype == bool
    np.testing.assert_array_equal(posterior["on"].values, groups["posterior"]["on"])
    np.testing.assert_array_equal(data["warmup_posterior"]["theta"].values, groups["warmup_posterior"]["theta"])
    assert data["observed_data"]["y"].shape == (3,)
    for group in ("posterior", "sample_stats", "warmup_posterior", "warmup_sample_stats"):
        assert data[group].attrs["inference_library"] == "stochinf"
        assert data[group].attrs["sampling_time"] == 1.5
    assert data.attrs["sampling_time"] == 1.5


def test_summary_works(peer, groups):
    data = to_arviz(groups)
    table = peer.summary(data) if OLD else peer.summary(data, round_to="none")
    assert len(table) == 6
    np.testing.assert_allclose(table.loc["theta[0]", "mean"], groups["posterior"]["theta"][..., 0].mean(), atol=1e-3)
    assert len(summary(peer, data, "warmup_posterior")) == 3


def test_every_group_of_the_schema(peer):
    x = {"x": np.ones((2, 5))}
    data = to_arviz(dict.fromkeys(GROUPS, x))
    assert sorted(names(data)) == sorted(GROUPS)
    assert all(group.removeprefix(WARMUP) in GROUPS for group in GROUPS)


def test_empty_groups_are_left_out():
    assert names(to_arviz({"posterior": {"x": np.ones((1, 5))}, "warmup_posterior": {}})) == ["posterior"]


@pytest.mark.parametrize(
    ("labels", "kind", "chosen"),
    [
        ([2020, 2021, 2022], "i", 2021),
        (np.array([0.5, 1.5, 2.5]), "f", 1.5),
        ([np.int32(3), 4, 5.5], "f", 4.0),
        (range(3), "i", 1),
        (np.array(["2024-01-01", "2024-01-02", "2024-01-03"], "datetime64[D]"), "M", "2024-01-02"),
        ([1, "b", 3], "U", "b"),
        ([True, False, 2], "U", "False"),
        ([2**70, 1, 2], "U", "1"),
    ],
)
def test_labels_of_numbers_and_dates_stay_so_and_select(peer, labels, kind, chosen):
    values = np.arange(30.0).reshape(2, 5, 3)
    data = to_arviz({"posterior": {"x": values}}, dims={"x": ["axis"]}, coords={"axis": labels})
    found = data["posterior"]["x"]
    assert found["axis"].dtype.kind in (kind, "O" if kind == "U" else kind)
    np.testing.assert_array_equal(found.sel(axis=chosen).values, values[:, :, 1])


def test_labels_of_one_text_and_slashes():
    data = to_arviz({"posterior": {"a/x": np.ones((1, 5, 2))}}, dims={"a/x": ["node"]}, coords={"node": [1, "1"]})
    assert list(data["posterior"]["node"].values) == ["1", "'1'"]
    assert data["posterior"]["a_x"].dims == ("chain", "draw", "node")


@pytest.mark.parametrize(
    ("groups", "options", "message"),
    [
        ({"trace": {"x": np.ones((1, 5))}}, {}, "group 'trace': not in the schema"),
        ({"posterior": {"x": np.ones(5)}}, {}, r"'x' of posterior: shape \(5,\) given"),
        ({"posterior": {"x": np.ones((1, 5)), "y": np.ones((2, 5))}}, {}, r"given x \(1, 5\), y \(2, 5\)"),
        ({"posterior": {"a/b": np.ones((1, 5)), "a_b": np.ones((1, 5))}}, {}, "'a_b' of posterior: written 'a_b', as another"),
        ({"posterior": {"x": np.ones((1, 5, 2))}}, {"dims": {"x": ["draw"]}}, "dimension 'draw' of 'x': reserved"),
    ],
)
def test_errors(groups, options, message):
    with pytest.raises(StochinfError, match=message):
        to_arviz(groups, **options)
