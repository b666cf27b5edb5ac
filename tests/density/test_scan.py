"""Loops of a graph: equal to Python's loops, as short for long recurrences, and told apart from what is no loop."""

import numpy as np
import pytest
from density_functions import SCANS

from stochinf.density import TraceError, scan
from stochinf.density.derivatives import forward, gradient
from stochinf.density.graph import Graph
from stochinf.density.interpreter import evaluate
from stochinf.density.tracing import trace
from stochinf.engine.errors import StochinfError

pytestmark = pytest.mark.fast
SERIES = np.sin(np.arange(9.0)) + 0.2


def unrolled(x):
    """The recurrence of `looped`, step by step."""
    mean, variance, total = x[0], np.exp(x[1]), 0.0
    for t in range(9):
        mean = np.tanh(x[2]) * mean + SERIES[t] * x[3]
        variance = 0.2 + 0.5 * variance + 0.1 * mean * mean
        total = total - 0.5 * np.log(variance) - 0.5 * mean**2 / variance
    return total + mean * variance


def looped(x):
    def step(carry, y):
        mean = np.tanh(x[2]) * carry[0] + y * x[3]
        variance = 0.2 + 0.5 * carry[1] + 0.1 * mean * mean
        return (mean, variance), -0.5 * np.log(variance) - 0.5 * mean**2 / variance

    (mean, variance), terms = scan(step, (x[0], np.exp(x[1])), SERIES)
    return np.sum(terms) + mean * variance


def test_a_scan_is_the_loop_unrolled() -> None:
    position = np.array([0.3, -0.2, 0.7, 1.1])
    for derivative in (gradient, forward):
        found = [evaluate(derivative(t.graph), [position, np.ones(4)], t.data) for t in (trace(looped, 4), trace(unrolled, 4))]
        for one, other in zip(*found, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    assert looped(position) == pytest.approx(unrolled(position), rel=1e-13)


def sizes(length: int) -> tuple[int, int]:
    def density(x):
        def step(carry, y):
            return x[0] * carry + x[1] * np.exp(y), carry * y

        return scan(step, x[0], np.arange(float(length)))[1].sum()

    graph = trace(density, 2).graph
    return graph.size(), gradient(graph).size()


def test_a_longer_recurrence_is_no_larger_graph() -> None:
    assert sizes(10) == sizes(10_000)


def bodies(graph: Graph) -> list[Graph]:
    return [node.attributes[0] for node in graph.nodes if node.op == "scan"]


def test_what_no_step_changes_is_computed_once() -> None:
    def density(x):
        return scan(lambda c, y: (c * np.exp(x[0]) + np.log(x[1] * x[2]) * y, None), 0.0, SERIES)[0]

    for graph in (trace(density, 3).graph, gradient(trace(density, 3).graph)):
        for body in bodies(graph):
            assert {node.op for node in body.nodes} <= {"input", "add", "mul", "neg"}


def test_only_the_carries_that_move_are_differentiated() -> None:
    """A counter that no parameter moves has no adjoint: the way back carries two numbers, not three."""

    def density(x):
        def step(carry, y):
            value, count = carry
            return (value * x[0] + count, count + y), None

        return scan(step, (1.0, 0.0), SERIES)[0][0]

    _, back = [node for node in gradient(trace(density, 1).graph).nodes if node.op == "scan"]
    assert back.attributes[1] == 2


@pytest.mark.parametrize("name", SCANS)
def test_a_loop_on_arrays_is_python(name: str) -> None:
    assert np.isfinite(SCANS[name](np.linspace(0.1, 0.6, 6)))


def test_nested_loops() -> None:
    def density(x):
        def outer(total, row):
            def inner(c, y):
                return c * x[0] + y * total, np.sin(c)

            last, waves = scan(inner, x[1], row)
            return total + last, np.sum(waves)

        last, sums = scan(outer, x[2], SERIES.reshape(3, 3))
        return last + np.sum(sums**2)

    position, direction = np.array([0.3, 0.5, -0.4]), np.array([1.0, -2.0, 0.5])
    found = trace(density, 3)
    value, slope = evaluate(gradient(found.graph), [position], found.data)
    _, change = evaluate(forward(found.graph), [position, direction], found.data)
    step = 1e-6 * direction
    assert value == pytest.approx(density(position), rel=1e-13)
    assert slope @ direction == pytest.approx(change, rel=1e-12)
    assert change == pytest.approx((density(position + step) - density(position - step)) / 2e-6, rel=1e-7)


def test_carries_and_outputs_keep_their_form() -> None:
    def density(x):
        def step(carry, _):
            first, (second, nothing) = carry
            return (first + second, (first, nothing)), ((first,), None, second * 2)

        (first, (second, nothing)), ((firsts,), none, seconds) = scan(step, (x[0], (x[1], None)), length=10)
        assert nothing is None
        assert none is None
        return first + second + firsts[3] * 1000 + seconds[2] * 1e6

    found = trace(density, 2)
    assert evaluate(found.graph, [np.array([1.0, 0.0])])[0] == density(np.array([1.0, 0.0])) == 89 + 55 + 3000 + 2e6


def test_no_step_at_all() -> None:
    found = trace(lambda x: scan(lambda c, y: (c * y, c), x[0], np.empty(0))[0] + x[1], 2)
    value, slope = evaluate(gradient(found.graph), [np.array([2.0, 3.0])], found.data)
    assert (value, slope.tolist()) == (5.0, [1.0, 1.0])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (lambda c, y: (np.stack([c, c]), None), r"begin with an array of shape \(2,\)"),
        (lambda c, y: c, "return two things"),
        (lambda c, y: ((c, c), None), "as many values"),
        (lambda c, y: (c, np.ones((2, 2)) * c), "at most one axis"),
    ],
)
def test_a_step_that_is_none(step, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        trace(lambda x: scan(step, x[0], SERIES)[0], 1)


def test_a_value_of_a_step_does_not_leave_it() -> None:
    kept = []
    with pytest.raises(TraceError, match="return it from the step"):
        trace(lambda x: scan(lambda c, y: (c, kept.append(c)), x[0], SERIES)[0] + kept[0], 1)


@pytest.mark.parametrize("given", [{}, {"sequences": (SERIES, SERIES[1:])}, {"sequences": SERIES, "length": 3}])
def test_lengths_must_agree(given) -> None:
    with pytest.raises(StochinfError, match="one number of steps"):
        scan(lambda c, y: (c, None), 0.0, **given)
