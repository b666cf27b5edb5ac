"""A user's own function: compiled, plain Python and foreign ones are one problem, and their errors end a run with words."""

import math

import numba
import numpy as np
import pytest
from numba._dispatcher import compute_fingerprint

import stochinf as si
from stochinf.density import SIGNATURE, wanted
from stochinf.engine import cache
from stochinf.engine.jit import JIT


def bowl(x):
    return ((x - 1.0) ** 2).sum() + x[0] * x[1]


def slope(x):
    g = 2.0 * (x - 1.0)
    g[0] += x[1]
    g[1] += x[0]
    return g


@numba.cfunc(SIGNATURE)
def c_bowl(n, x, gradient, out, data):
    out[0] = x[0] * x[1]
    for i in range(n):
        out[0] += (x[i] - 1.0) ** 2
    if wanted(gradient):
        for i in range(n):
            gradient[i] = 2.0 * (x[i] - 1.0)
        gradient[0] += x[1]
        gradient[1] += x[0]
    return 0


@numba.cfunc(numba.types.float64(numba.types.float64))
def c_square(x):
    return x * x


OPTIMUM = np.array([2.0 / 3.0, 2.0 / 3.0, 1.0])
DOORS = {
    "plain": lambda: si.Function(bowl, 3, slope),
    "compiled": lambda: si.Function(bowl, 3, slope, compiled=True),
    "cfunc": lambda: si.Function(c_bowl, 3, True),
}


@pytest.mark.fast
@pytest.mark.parametrize("door", DOORS)
def test_values_and_gradients_are_those_of_the_function(door):
    target = DOORS[door]().as_target()
    x = np.array([0.5, -2.0, 3.0])
    assert target.objective(x) == pytest.approx(bowl(x), rel=1e-15)
    np.testing.assert_allclose(target.full_gradient(x), slope(x), rtol=1e-15)
    assert (target.n_points, target.offers("gradient")) == (1, True)


@pytest.mark.fast
def test_every_door_leads_to_the_same_compiled_loop():
    misses = None
    for door, function in DOORS.items():
        result = si.minimize(function(), si.optim.SGD(0.2), stop=si.stop.steps(300), rng=0)
        np.testing.assert_allclose(result.x, OPTIMUM, atol=1e-8, err_msg=door)
        assert misses in (None, cache.statistics["misses"])
        misses = cache.statistics["misses"]


@pytest.mark.skipif(not JIT, reason="plain Python looks no types up")
@pytest.mark.parametrize("door", DOORS)
def test_numba_knows_the_type_of_a_part_with_a_function_without_working_it_out(door):
    target = DOORS[door]().as_target()
    other = si.Function(lambda x: 0.0, 3, slope).as_target()
    assert compute_fingerprint(target) == compute_fingerprint(target.private())
    assert (compute_fingerprint(target) == compute_fingerprint(other)) == (door == "plain")


@pytest.mark.fast
def test_a_step_asks_for_the_gradient_alone():
    asked = {"value": 0, "gradient": 0}

    def value(x):
        asked["value"] += 1
        return bowl(x)

    def gradient(x):
        asked["gradient"] += 1
        return slope(x)

    result = si.minimize(si.Function(value, 3, gradient), si.optim.SGD(0.1), stop=si.stop.steps(2000))
    np.testing.assert_allclose(result.x, OPTIMUM, atol=1e-8)
    assert len(result.history) <= asked["value"] < 300
    assert 2000 <= asked["gradient"] < 2010


@pytest.mark.fast
def test_a_function_can_be_called_and_keeps_the_position_as_it_was():
    def meddling(x):
        x[:] = 7.0
        return 1.0

    x = np.zeros(2)
    assert si.Function(meddling, 2)(x) == 1.0
    target = si.Function(meddling, 2, compiled=True).as_target()
    assert target.objective(x) == 1.0
    assert not x.any()


def holes(x):
    if x[0] > 3.0:
        raise KeyError("nothing is known there")
    if x[0] > 2.0:
        return np.nan
    return math.log(x[0]) if x[0] > 0 else np.sqrt(-1.0)


@pytest.mark.fast
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_where_it_is_not_defined_it_is_infinite_and_an_error_of_its_own_is_told(compiled):
    target = si.Function(holes, 1, compiled=compiled).as_target()
    assert target.objective(np.array([1.0])) == 0.0
    assert target.objective(np.array([2.5])) == math.inf
    assert target.objective(np.array([-1.0])) == math.inf
    with pytest.raises(si.ObjectiveError, match=r"raised KeyError: .* at the position \[4.\]") as caught:
        target.objective(np.array([4.0]))
    assert isinstance(caught.value.__cause__, KeyError)
    assert target.objective(np.array([1.0])) == 0.0


@pytest.mark.fast
def test_a_domain_error_and_a_division_by_zero_mean_not_defined():
    assert si.Function(lambda x: math.log(x[0]), 1)([-1.0]) == math.inf
    assert si.Function(lambda x: 1.0 / float(x[0]), 1)([0.0]) == math.inf
    assert si.Function(lambda x: -math.inf, 1)([0.0]) == math.inf


@pytest.mark.fast
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gradient_of_the_wrong_length_is_told(compiled):
    target = si.Function(bowl, 3, lambda x: x[:2], compiled=compiled).as_target()
    with pytest.raises(si.ObjectiveError, match="shape"):
        target.full_gradient(np.ones(3))


@pytest.mark.fast
def test_the_start_is_in_the_box():
    target = si.Function(bowl, 3, bounds=([-1.0, 5.0, -np.inf], [2.0, 6.0, -3.0])).as_target()
    start = target.start(np.random.default_rng(0))
    assert -1.0 <= start[0] <= 2.0
    assert 5.0 <= start[1] <= 6.0
    assert start[2] == -3.0
    assert not si.Function(bowl, 3).as_target().start(np.random.default_rng(0)).any()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: si.Function(3, 1), "f = 3; a function"),
        (lambda: si.Function(bowl, 0), "dim = 0"),
        (lambda: si.Function(bowl, 2, gradient=2), "gradient = 2"),
        (lambda: si.Function(bowl, 2, bounds=(1.0, 1.0)), "lies below"),
        (lambda: si.Function(bowl, 2, bounds=([1.0, 2.0, 3.0], 5.0)), "bounds"),
        (lambda: si.Function(c_bowl, 2, slope), "gradient=True"),
        (lambda: si.Function(c_square, 2, True), r"Function: .* signature \(float64,\)"),
    ],
)
def test_what_makes_no_problem_is_refused(make, message):
    with pytest.raises(si.StochinfError, match=message):
        make()


@pytest.mark.skipif(not JIT, reason="about compiled code")
def test_what_numba_cannot_compile_is_told_with_the_way_out():
    def opens(x):
        return open(x)

    with pytest.raises(si.CompilationError, match=r"opens cannot be compiled: .* compiled=False"):
        si.Function(opens, 2, compiled=True)
