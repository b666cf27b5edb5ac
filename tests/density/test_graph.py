"""Equal nodes are one, constants fold, nodes that nobody needs go, and texts say what a graph computes."""

import numpy as np
import pytest

from stochinf.density.derivatives import gradient
from stochinf.density.graph import Builder, Graph
from stochinf.density.interpreter import evaluate
from stochinf.density.tracing import trace

pytestmark = pytest.mark.fast


def operations(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def test_equal_nodes_are_one() -> None:
    graph = trace(lambda x: np.exp(x).sum() * np.exp(x).sum(), 3).graph
    assert operations(graph) == ["input", "exp", "sum", "mul"]


def test_zeros_of_either_sign_are_two() -> None:
    builder = Builder()
    assert builder.constant(0.0) != builder.constant(-0.0)
    assert builder.constant(1) != builder.constant(1.0) != builder.constant(True)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.sum() * 1.0 + 0.0,
        lambda x: (0.0 + x / 1 - 0.0).sum() ** 1,
        lambda x: -np.negative(x.sum()),
        lambda x: (2.0 * (x.sum() * 3.0)) * (1 / 6.0),
        lambda x: np.where(2 > 1, x, 0.0).sum(),
        lambda x: np.transpose(np.transpose(x.reshape(1, 3))).reshape(3).sum(),
        lambda x: (x * -1.0).sum() * -1.0,
    ],
)
def test_what_changes_nothing_leaves_no_node(function) -> None:
    assert set(operations(trace(function, 3).graph)) <= {"input", "sum"}


def test_an_array_in_the_function_is_kept_once() -> None:
    weights = np.arange(3.0)

    def function(x):
        before = (x * weights).sum() + (x * np.arange(3.0)).sum()
        weights[0] = -0.0
        return before + (x * weights).sum()

    found = trace(function, 3)
    assert [array.tolist() for array in found.data.values()] == [[0.0, 1.0, 2.0], [-0.0, 1.0, 2.0]]


def test_constants_fold() -> None:
    graph = trace(lambda x: x.sum() * (np.exp(0.0) + np.sqrt(4.0)) + np.zeros(3).sum(), 3).graph
    assert operations(graph) == ["input", "sum", "constant", "mul"]


def test_huge_and_tiny_factors_are_not_joined() -> None:
    function = lambda x: (1e200 * (1e200 * x)).sum() + (1e-200 * (-1e-200 * (1e300 * x))).sum()  # noqa: E731
    position = np.array([1e-300, 3e-300])
    graph = trace(function, 2).graph
    assert evaluate(graph, [position])[0] == pytest.approx(function(position), rel=1e-14)


def test_a_constant_factor_leaves_a_sum() -> None:
    graph = gradient(trace(lambda x: (-0.5 * x * x).sum(), 4).graph)
    assert sorted(operations(graph)) == ["constant", "input", "mul", "mul", "neg", "sum"]


def test_a_digest_tells_graphs_apart() -> None:
    functions = [np.sum, np.mean, lambda x: x[0], lambda x: x[1], lambda x: x.sum() + 1, lambda x: x.sum() + 1.5]
    digests = {trace(function, 3).graph.digest() for function in functions}
    assert len(digests) == len(functions)
    assert trace(np.sum, 3).graph.digest() == trace(lambda x: x.sum(), 3).graph.digest()


def test_the_data_of_a_part_are_those_it_needs() -> None:
    found = trace(lambda x, data: x.sum() + 0.0 * (data["unused"] is None), 2, {"y": np.ones(3), "unused": None})
    assert found.data == {}


def test_a_gradient_of_parts_is_put_side_by_side() -> None:
    graph = gradient(trace(lambda x: np.exp(x[0]) * (x[1:4] ** 2).sum() + np.sin(x[4:]).sum(), 6).graph)
    assert "embed" not in operations(graph)
    assert operations(graph).count("concatenate") == 1


def test_overlapping_parts_are_added() -> None:
    function = lambda x: np.sum(x[1:] * x[:-1])  # noqa: E731
    value, slope = evaluate(gradient(trace(function, 4).graph), [np.arange(1.0, 5.0)])
    assert value == 20.0
    np.testing.assert_array_equal(slope, [2.0, 4.0, 6.0, 3.0])


def test_a_gradient_is_built_fast_and_stays_small() -> None:
    """A chain of n operations has a gradient of a few n nodes."""

    def chain(x):
        for _ in range(200):
            x = np.sin(x) * 0.5 + x
        return x.sum()

    graph = trace(chain, 3).graph
    assert gradient(graph).size() < 4 * graph.size()
