"""What numpy computes, a traced function computes; what cannot be traced is told with its line and the way out."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from density_functions import FUNCTIONS, POINT
from scipy import special

from stochinf.density import TraceError, scan
from stochinf.density.interpreter import evaluate
from stochinf.density.tracing import trace

pytestmark = pytest.mark.fast


def run(function: Callable[..., Any], position: np.ndarray, data: dict[str, Any] | None = None) -> Any:
    found = trace(function, position.size, data)
    return evaluate(found.graph, [position], found.data)[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_traced_function_is_the_function(name: str) -> None:
    value = run(FUNCTIONS[name], POINT)
    assert value.shape == ()
    np.testing.assert_allclose(value, FUNCTIONS[name](POINT), rtol=1e-12, atol=1e-12)


def branch(x: Any) -> Any:
    if x[0] > 0:
        return x[0]
    return -x[0]


def assign(x: Any) -> Any:
    x[0] = 1.0
    return x.sum()


def add_in_place(x: Any) -> Any:
    total = np.zeros(6)
    total += x
    return total.sum()


UNTRACEABLE = {
    "an if": (branch, "if x[0] > 0:", "np.where"),
    "a chain of comparisons": (lambda x: 1.0 if 0 < x[0] < 1 else 0.0, "0 < x[0]", "np.where"),
    "Python's max": (lambda x: max(x), "max(x)", "np.maximum"),
    "module math": (lambda x: math.exp(x[0]), "math.exp", "np.exp for math.exp"),
    "a range": (lambda x: sum(x[i] for i in range(x[0])), "range(x[0])", "Python int in data"),
    "an assignment": (assign, "x[0] = 1.0", "np.where"),
    "an array changed in place": (add_in_place, "total += x", "a = a + b"),
    "np.array": (lambda x: np.array([x[0], x[1]]).sum(), "np.array", "np.stack"),
    "another library": (lambda x: special.logsumexp(x), "special.logsumexp(x)", "stochinf.density"),
    "an unknown function": (lambda x: np.kron(x, x)[0], "np.kron(x, x)", "docs/densities.md"),
    "an order": (lambda x: np.sort(x)[0], "np.sort(x)", "sd.ordered"),
    "a full array": (lambda x: np.full(3, x[0]).sum(), "np.full(3, x[0])", "value * np.ones(n)"),
    "an einsum of a letter twice": (
        lambda x: np.einsum("iij", x.reshape(1, 1, 6)).sum(),
        "np.einsum",
        "a letter twice is for matrices",
    ),
    "an unknown ufunc": (lambda x: special.iv(1, x).sum(), "special.iv", "docs/densities.md"),
    "an unknown method": (lambda x: x.argsort(), "x.argsort()", "it has all"),
    "an inverse": (lambda x: np.linalg.inv(np.outer(x, x))[0, 0], "np.linalg.inv", "np.linalg.cholesky"),
    "a mask": (lambda x: x[x > 0].sum(), "x[x > 0]", "np.where"),
    "where without values": (lambda x: np.where(x > 0)[0].sum(), "np.where(x > 0)", "np.where(condition, a, b)"),
    "a place out of range": (lambda x: x[7], "x[7]", "places are 0 to 5"),
    "places out of range": (lambda x: x[np.array([1, 6])].sum(), "x[np.array([1, 6])]", "places are 0 to 5"),
    "shapes that do not fit": (lambda x: (x + np.ones(4)).sum(), "np.ones(4)", "do not fit together"),
    "a product that does not fit": (lambda x: x @ np.ones(5), "np.ones(5)", "inner sizes"),
    "a factor of three axes": (lambda x: np.linalg.cholesky(x[:, None, None])[0, 0, 0], "np.linalg.cholesky", "a square matrix"),
    "np.dot of three axes": (lambda x: np.dot(x, x.reshape(1, 6, 1)).sum(), "np.dot", "np.einsum or np.matmul"),
    "an axis named twice": (lambda x: x.reshape(1, 2, 3).transpose(0, 1, 1).sum(), "transpose(0, 1, 1)", "each axis once"),
    "an axis that is not there": (lambda x: x.sum(axis=2), "axis=2", "axis 2"),
    "complex numbers": (lambda x: np.exp(x * 1j).sum(), "1j", "real numbers only"),
    "a loop over a number": (lambda x: sum(v for v in x[0]), "x[0]", "a loop over a number"),
    "nothing returned": (lambda x: None, "nothing returned", "returned None"),
    "a vector returned": (lambda x: x * 2, "a vector returned", r".sum()"),
    "a text returned": (lambda x: "x", "a text returned", "a log density is a number"),
}


@pytest.mark.parametrize("name", UNTRACEABLE)
def test_what_cannot_be_traced_names_the_line_and_the_way_out(name: str) -> None:
    function, line, remedy = UNTRACEABLE[name]
    with pytest.raises(TraceError) as caught:
        trace(function, 6)
    assert caught.value.line.startswith("test_tracing.py, line ")
    assert line in caught.value.line
    assert remedy in str(caught.value)


def test_methods_of_arrays_are_all_there() -> None:
    from stochinf.density.traced import FUNCTIONS as KNOWN
    from stochinf.density.traced import METHODS

    assert set(METHODS) <= set(KNOWN)
    assert all(hasattr(np.ndarray, name) for name in METHODS)


def test_the_interpreter_of_texts_is_no_obstacle() -> None:
    assert run(lambda x: x.sum() if "traced" in f"{x}" else None, np.ones(2)) == 2.0


def test_data_are_leaves_and_whole_numbers_are_choices() -> None:
    data = {"y": np.array([1, 2, 4]), "scale": 2.0, "power": 3, "mask": np.array([True, False, True]), "name": "cubes"}

    def function(x: Any, data: dict[str, Any]) -> Any:
        assert data["name"] == "cubes"
        kept = np.where(data["mask"], data["y"], 0).sum()
        return sum((x**k).sum() for k in range(data["power"])) / data["scale"] + kept + data["y"][data["mask"]].sum()

    found = trace(function, 2, data)
    assert set(found.graph.leaves("data")) >= {"y", "scale", "mask"}
    (value,) = evaluate(found.graph, [np.array([2.0, 3.0])], found.data)
    assert value == (2 + 5 + 13) / 2 + 5 + 5


def test_new_data_keep_the_digest_and_new_shapes_change_it() -> None:
    def digest(y: np.ndarray) -> str:
        return trace(lambda x, data: ((data["y"] - x[0]) ** 2).sum(), 1, {"y": y}).graph.digest()

    assert digest(np.arange(3.0)) == digest(np.arange(3.0) ** 2) != digest(np.arange(4.0))


def test_what_depends_on_data_alone_is_python() -> None:
    def function(x: Any, data: dict[str, Any]) -> Any:
        y = np.asarray(data["y"])
        total = x[0] if data["y"].max() > 2 else x[1]
        for group in np.unique(data["group"]):
            total = total + x[group] * np.sort(data["y"])[group] * math.exp(data["scale"])
        inside = scan(lambda c, t: (c + t if data["scale"] > 0 else c, None), x[0], data["y"])[0]
        return total + y.mean() * range(6)[data["group"][0]] + inside

    data = {"y": np.array([3.0, 1.0, 2.0]), "group": np.array([1, 2, 1]), "scale": 0.5}
    value = run(function, np.array([1.0, 10.0, 100.0]), data)
    assert value == pytest.approx(1 + (10 * 2 + 100 * 3) * math.exp(0.5) + 2 + (1 + 6))


def test_an_index_from_data_is_looked_at() -> None:
    def function(x: Any, data: dict[str, Any]) -> Any:
        return (x[data["group"] - 1] * np.arange(3.0)).sum() + x[data["group"][0]]

    assert run(function, POINT, {"group": np.array([1, 3, 6])}) == POINT[2] + 2 * POINT[5] + POINT[1]
    with pytest.raises(TraceError, match="places from -7 to 6 in an axis of 6"):
        trace(function, 6, {"group": np.array([-6, 7])})


def test_negative_places_count_from_the_end() -> None:
    def function(x: Any, data: dict[str, Any]) -> Any:
        return (x[data["places"]] * np.arange(1.0, 4.0)).sum()

    assert run(function, POINT, {"places": np.array([-1, 0, -2])}) == pytest.approx(POINT[[-1, 0, -2]] @ np.arange(1.0, 4.0))


def test_an_index_inside_a_scan_has_a_range() -> None:
    with pytest.raises(TraceError, match="places from 0 to 8 in an axis of 6"):
        trace(lambda x: scan(lambda c, t: (c + x[t], None), 0.0, np.arange(9))[0], 6)


def test_a_number_without_parameters_is_a_graph() -> None:
    assert run(lambda x: -1.5, np.zeros(2)) == -1.5
    assert trace(lambda x: 1, 2).graph.nodes[-1].kind == "float"


def test_an_aliased_traced_array_is_never_changed() -> None:
    def function(x: Any) -> Any:
        y = x
        y += 1.0
        return (x * y).sum()

    assert run(function, np.array([1.0, 2.0])) == 8.0
