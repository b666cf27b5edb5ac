"""Graphs as machine code: equal to numpy's evaluation and to the second back end, on every operation and at the edges."""

import ctypes
import math
import threading

import numpy as np
import pytest
from density_functions import FUNCTIONS, POINT
from parts_for_tests import python

from stochinf.density.calling import C_DOUBLES, C_TYPE
from stochinf.density.derivatives import gradient
from stochinf.density.emit import kept, lower
from stochinf.density.emit.factors import LARGE as LARGE_FACTOR
from stochinf.density.emit.function import CompiledGraph
from stochinf.density.emit.module import module_text
from stochinf.density.emit.plan import Plan
from stochinf.density.emit.tiles import LARGE, TILE
from stochinf.density.graph import Builder, Graph
from stochinf.density.interpreter import evaluate
from stochinf.density.linear import solve_triangular
from stochinf.density.loops import scan
from stochinf.density.operations import ELEMENTWISE
from stochinf.density.pointer import PointerDensity
from stochinf.density.special import sigmoid, softplus
from stochinf.density.tracing import trace
from stochinf.engine import cache
from stochinf.engine.errors import StochinfError

pytestmark = pytest.mark.fast


def called(graph: Graph, data: dict, position: np.ndarray) -> tuple[float, np.ndarray]:
    """Value and gradient by machine code; the value alone must be the same."""
    compiled = CompiledGraph(graph, data)
    target, slope = PointerDensity(compiled, position.size, differentiable=True), np.empty(position.size)
    value = target.log_density_gradient(position, slope)
    np.testing.assert_allclose(target.log_density(position), value, rtol=1e-13)
    return value, slope


@pytest.mark.parametrize("name", FUNCTIONS)
def test_machine_code_agrees_with_numpy(name: str) -> None:
    found = trace(FUNCTIONS[name], 6)
    both = gradient(found.graph)
    for position in (POINT, POINT[::-1] * 0.9):
        value, slope = evaluate(both, [position], found.data)
        got = called(both, found.data, np.ascontiguousarray(position))
        np.testing.assert_allclose(got[0], value, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(got[1], slope, rtol=1e-12, atol=1e-12)


SMALL = [0.0, -0.0, 1e-310, -1e-17, 1e-9, 3e-5, -0.3, 0.5, 0.9999999, -0.999, 1.0, -1.0, 1.7, 2.5, -2.5, 10.5, -9.5]
LARGE_ONES = [20.0, -20.0, 36.5, -36.5, 170.0, 300.0, -300.0, 710.0, -744.0, -746.0, 1e15, 1e300, math.inf, -math.inf, math.nan]
EDGES = np.array([*SMALL, *LARGE_ONES])
"""Where functions change, overflow, or are not defined."""
UNARY = [
    name
    for name, operation in ELEMENTWISE.items()
    if operation.kind == "float" and name not in ("pow", "div", "arctan2", "logaddexp", "float")
]
NUMBERS = ["neg", "abs", *UNARY]


def elementwise(op: str, position: np.ndarray) -> np.ndarray:
    """An operation on every number of a position, in a loop."""
    builder = Builder()
    x = builder.input(0, position.shape)
    graph = builder.graph(builder.add("sum", (x,), (), attributes=(None,)), builder.elementwise(op, x))
    compiled, out, slope = CompiledGraph(graph), ctypes.c_double(), np.empty(position.size)
    pointers = [array.ctypes.data_as(C_DOUBLES) for array in (position, slope)]
    C_TYPE(compiled.address)(position.size, *pointers, ctypes.byref(out), compiled.ticket())
    return slope


@pytest.mark.parametrize("op", NUMBERS)
def test_an_operation_is_right_everywhere(op: str) -> None:
    with np.errstate(all="ignore"):
        expected = ELEMENTWISE[op].function(EDGES)
    found = elementwise(op, EDGES)
    if op in ("digamma", "trigamma", "lgamma"):
        known = np.isfinite(EDGES) & (np.abs(EDGES) > 1e-300) & ((EDGES > 0) | (np.floor(EDGES) != EDGES))
        expected, found = expected[known], found[known]
    if op in ("sin", "cos", "tan"):
        expected, found = expected[np.abs(EDGES) < 1e3], found[np.abs(EDGES) < 1e3]
    own = op in ("digamma", "trigamma", "lgamma", "log_ndtr")
    np.testing.assert_allclose(found, expected, rtol=1e-12 if own else 4e-15, atol=1e-15 if own else 1e-300)


def logistic(rows: int, columns: int) -> tuple:
    """The log posterior of a logistic regression, and its data."""
    generator = np.random.default_rng(5)
    data = {"X": generator.normal(size=(rows, columns)), "y": (generator.random(rows) < 0.5) * 1.0}

    def log_density(b, known):
        eta = known["X"] @ b
        return np.sum(known["y"] * eta - softplus(eta)) - 0.5 * np.sum(b * b)

    return log_density, data


def test_a_large_matrix_goes_by_tiles_that_need_not_fill_it() -> None:
    columns = 19
    rows = 2 * TILE // columns + 5
    assert rows * columns >= LARGE
    log_density, data = logistic(rows, columns)
    found = trace(log_density, columns, data)
    position = np.linspace(-0.3, 0.3, columns)
    value, slope = called(gradient(found.graph), found.data, position)
    eta = data["X"] @ position
    np.testing.assert_allclose(value, np.sum(data["y"] * eta - np.logaddexp(0, eta)) - 0.5 * position @ position, rtol=1e-12)
    np.testing.assert_allclose(slope, data["X"].T @ (data["y"] - sigmoid(eta)) - position, rtol=1e-11)


def process(n: int) -> tuple:
    """The log density of a Gaussian process, and its data."""
    times = np.linspace(0.0, 1.0, n)
    data = {"square": (times[:, None] - times) ** 2, "y": np.sin(6.0 * times)}

    def log_density(x, known):
        kernel = np.exp(x[0]) * np.exp(-known["square"] * np.exp(x[1])) + np.exp(x[2]) * np.eye(n)
        factor = np.linalg.cholesky(kernel)
        rest = solve_triangular(factor, known["y"], lower=True)
        return -0.5 * np.sum(rest * rest) - np.sum(np.log(np.diag(factor)))

    return log_density, data


def test_large_matrices_are_left_to_blas_and_lapack() -> None:
    log_density, data = process(LARGE_FACTOR + 3)
    found = trace(log_density, 3, data)
    both, position = gradient(found.graph), np.array([0.1, 1.0, -2.0])
    assert CompiledGraph(both, found.data).blas
    value, slope = evaluate(both, [position], found.data)
    got = called(both, found.data, position)
    np.testing.assert_allclose(got[0], value, rtol=1e-12)
    np.testing.assert_allclose(got[1], slope, rtol=1e-11)
    assert math.isnan(called(both, found.data, np.array([0.1, 1.0, -80.0]))[0])


@pytest.mark.parametrize("turned", ["", "ab"])
def test_products_by_blas_of_transposed_matrices(turned: str) -> None:
    shapes = {"a": (LARGE_FACTOR, 17), "b": (17, 12)}
    data = {name: np.random.default_rng(3).normal(size=shape[:: -1 if name in turned else 1]) for name, shape in shapes.items()}

    def log_density(x, known):
        factors = {name: np.exp(x[k] * known[name]) for k, name in enumerate("ab")}
        a, b = (factors[name].T if name in turned else factors[name] for name in "ab")
        return np.sum(np.tanh(a @ b / 20.0))

    found = trace(log_density, 2, data)
    both, position = gradient(found.graph), np.array([0.3, -0.2])
    assert CompiledGraph(both, found.data).blas
    value, slope = evaluate(both, [position], found.data)
    got = called(both, found.data, position)
    np.testing.assert_allclose(got[0], value, rtol=1e-12)
    np.testing.assert_allclose(got[1], slope, rtol=1e-11)


@pytest.mark.parametrize("name", ["logistic", "process", "recurrence"])
def test_the_log_density_alone_is_the_same_with_code_of_its_own(name: str) -> None:
    made = {"logistic": lambda: logistic(1500, 4), "process": lambda: process(6), "recurrence": autoregression}
    log_density, data = made[name]()
    position = np.array([0.1, 0.7, -0.4, 0.2])
    found = trace(log_density, 4, data)
    compiled, slope = CompiledGraph(gradient(found.graph), found.data), np.empty(4)
    target = PointerDensity(compiled, 4, differentiable=True)
    value = target.log_density_gradient(position, slope)
    assert target.log_density(position) == value
    target.ready_for({"log_density_gradient"})
    assert compiled.alone == 0
    target.ready_for({"log_density"})
    assert compiled.alone
    own = target.private()
    np.testing.assert_allclose(own.log_density(position), value, rtol=1e-13)
    assert own.log_density_gradient(position, slope.copy()) == value
    assert math.isnan(own.log_density(np.full(4, math.nan)))


def value_at(function, position: list[float], code: int) -> float:
    """The log density at a position, where the C function must return a code."""
    found = trace(function, len(position))
    compiled, out, x = CompiledGraph(gradient(found.graph), found.data), ctypes.c_double(), np.array(position)
    slope = np.empty(x.size)
    pointers = [array.ctypes.data_as(C_DOUBLES) for array in (x, slope)]
    assert C_TYPE(compiled.address)(x.size, *pointers, ctypes.byref(out), compiled.ticket()) == code
    return out.value


def test_codes_say_what_is_not_finite() -> None:
    def sharp(x):
        return np.log(x[0]) + x[1]

    assert value_at(sharp, [1.0, 2.0], 0) == 2.0
    assert value_at(sharp, [0.0, 2.0], 0) == -math.inf
    assert math.isnan(value_at(sharp, [-1.0, 2.0], 1))
    assert value_at(sharp, [1.0, math.inf], 1) == math.inf
    assert value_at(lambda x: np.sqrt(x[0]) + x[1], [0.0, 2.0], 1) == 2.0


def test_new_data_compiles_nothing_and_a_damaged_file_is_made_anew(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("STOCHINF_CACHE_DIR", str(tmp_path))
    log_density, data = logistic(11, 3)
    graph, before = trace(log_density, 3, data).graph, cache.compiled["density"]
    position = np.ones(3)
    first = PointerDensity(CompiledGraph(graph, data), 3).log_density(position)
    second = PointerDensity(CompiledGraph(graph, {**data, "y": 1 - data["y"]}), 3).log_density(position)
    assert first != second
    assert cache.compiled["density"] == before + 1
    names = tuple(sorted(lower.split(graph).after.leaves("data")))
    code = kept.code_of(lower.split(graph).after, names)
    assert cache.compiled["density"] == before + 1
    (file,) = (tmp_path / "stochinf").glob("density.*.o")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert kept.code_of(lower.split(graph).after, names) == code
    assert cache.compiled["density"] == before + 2


def test_data_must_have_the_shapes_that_were_traced() -> None:
    log_density, data = logistic(7, 3)
    graph = trace(log_density, 3, data).graph
    with pytest.raises(StochinfError, match=r"data 'y' has shape \(6,\), and the density was traced with \(7,\)"):
        CompiledGraph(graph, {**data, "y": data["y"][:6]})
    with pytest.raises(StochinfError, match="data 'X' is missing"):
        CompiledGraph(graph, {"y": data["y"]})


ANOTHER_PROCESS = """
import numpy as np
from stochinf.density.emit.factors import LARGE as LARGE_FACTOR
from stochinf.density.emit.function import CompiledGraph
from stochinf.density.pointer import PointerDensity
from stochinf.density.tracing import trace
from stochinf.engine import cache
found = trace(lambda x: -0.5 * np.sum(np.exp(x) ** 2), 3)
print(PointerDensity(CompiledGraph(found.graph, found.data), 3).log_density(np.zeros(3)), cache.compiled["density"])
"""


def test_another_process_finds_the_code(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("STOCHINF_CACHE_DIR", str(tmp_path))
    assert python(ANOTHER_PROCESS).stdout.split() == ["-1.5", "1"]
    assert python(ANOTHER_PROCESS).stdout.split() == ["-1.5", "0"]


def test_chains_on_threads_have_a_work_space_each() -> None:
    log_density, data = logistic(1500, 4)
    found = trace(log_density, 4, data)
    compiled = CompiledGraph(gradient(found.graph), found.data)
    assert compiled.work > 0
    positions = np.random.default_rng(0).normal(size=(4, 4))
    expected = [called(gradient(found.graph), found.data, position)[1] for position in positions]
    wrong = []

    def chain(k: int) -> None:
        target, slope = PointerDensity(compiled, 4, differentiable=True).private(), np.empty(4)
        for _ in range(300):
            target.log_density_gradient(positions[k], slope)
            if not np.array_equal(slope, expected[k]):
                wrong.append(k)

    threads = [threading.Thread(target=chain, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def autoregression(length: int = 30):
    def log_density(x, data):
        return scan(lambda c, y: (np.tanh(x[0] * c + y), None), x[1], data["y"])[0]

    return log_density, {"y": np.zeros(length)}


def recurrence(length: int) -> Graph:
    """The gradient of an autoregression of some length."""
    log_density, data = autoregression(length)
    return gradient(trace(log_density, 2, data).graph)


def test_the_code_of_a_recurrence_is_as_long_for_any_length() -> None:
    texts = [module_text(recurrence(length), ("y",)) for length in (1000, 9000)]
    assert texts[0].replace("1000", "9000").replace(" 999", " 8999").count("\n") == texts[1].count("\n")


def test_what_depends_on_data_alone_is_computed_once() -> None:
    found = trace(lambda x, data: np.sum(x[0] * np.log(data["y"] + 1.0)), 1, {"y": np.arange(5.0)})
    before, after = lower.split(gradient(found.graph))
    assert {"log", "add"} <= {node.op for node in before.nodes}
    assert not {"log", "add"} & {node.op for node in after.nodes}


def test_a_pass_over_rows_is_one_loop() -> None:
    log_density, data = logistic(100, 3)
    graph = lower.lowered(lower.split(gradient(trace(log_density, 3, data).graph)).after)
    assert [shape for _, shape in Plan(graph).groups()].count((100,)) == 1


def pieces(*terms: tuple) -> np.ndarray:
    """A sum of pieces put into six places: each a list of (start, step) pairs and a sign."""
    builder = Builder()
    x = builder.input(0, (6,))
    e, total = builder.elementwise("exp", x), None
    for power, (start, step, sign) in enumerate(terms, 1):
        value = builder.elementwise("mul", builder.constant(float(power)), e)
        piece = builder.add("embed", (value,), (6,), attributes=((start, step),))
        total = piece if total is None else builder.elementwise("add" if sign > 0 else "sub", total, piece)
    graph = builder.graph(builder.add("sum", (x,), (), attributes=(None,)), total)
    return called(graph, {}, POINT)[1] - evaluate(graph, [POINT], {})[1]


@pytest.mark.parametrize("terms", [((5, -1, 1),), ((0, 1, 1), (5, -1, 1)), ((5, -1, 1), (0, 1, -1), (5, -1, -1))])
def test_pieces_that_overlap_are_added(terms: tuple) -> None:
    np.testing.assert_allclose(pieces(*terms), 0.0, atol=1e-14)
