"""Parts: conversion, refusals, classes that share a name, and messages about what cannot be compiled."""

import pkgutil
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import numpy.ma as ma
import numpy.typing as npt
import pytest
from parts_for_tests import Broken, CoordinateStep, LastLink, Link, Points, Recorder, Vector, needs_jit, quadratic
from scipy.sparse import csr_array

import stochinf
import stochinf as si
from stochinf.engine import parts
from stochinf.engine.errors import CompilationError, StochinfError
from stochinf.engine.jit import entry, helper
from stochinf.engine.loop import fill_rates
from stochinf.engine.parts import part

pytestmark = pytest.mark.fast


@part
class Fields(NamedTuple):
    real: float = 0.0
    whole: int = 0
    single: np.float32 = np.float32(0)
    byte: np.int8 = np.int8(0)
    word: np.uint32 = np.uint32(0)
    numbers: npt.NDArray[np.float64] = np.empty(0)
    singles: npt.NDArray[np.float32] = np.empty(0, np.float32)
    indices: npt.NDArray[np.int32] = np.empty(0, np.int32)
    pair: tuple[float, int] = (0.0, 0)
    anything: Any = None


ACCEPTED = [
    ("real", 3, 3.0, float),
    ("real", np.float32(0.5), 0.5, float),
    ("real", True, 1.0, float),
    ("real", np.array(2), 2.0, float),
    ("whole", np.int8(3), 3, int),
    ("whole", True, 1, int),
    ("single", 0.1, np.float32(0.1), np.float32),
    ("single", np.inf, np.float32(np.inf), np.float32),
    ("byte", -128, -128, np.int8),
    ("word", 2**32 - 1, 2**32 - 1, np.uint32),
    ("pair", [1, np.int64(2)], (1.0, 2), tuple),
    ("pair", np.array([1, 2]), (1.0, 2), tuple),
]


@pytest.mark.parametrize(("field", "value", "expected", "kind"), ACCEPTED)
def test_numbers_become_the_annotated_type(field, value, expected, kind):
    made = getattr(Fields(**{field: value}), field)
    assert made == expected
    assert type(made) is kind


REFUSED = [
    ("real", "1"), ("real", b"1"), ("real", None), ("real", 1j), ("real", [1.0]), ("real", np.ones(1)), ("real", 10**400),
    ("whole", 2.0), ("whole", "2"), ("whole", 2**63), ("whole", None), ("whole", np.ones(1, int)),
    ("single", 1e300), ("single", "x"), ("byte", 128), ("byte", 0.5), ("word", -1), ("word", 2**32),
    ("pair", 1.0), ("pair", None), ("pair", (1.0,)), ("pair", (1.0, 2, 3)), ("pair", ("a", 1)), ("pair", (1.0, 2.5)),
    ("numbers", np.array([1, None], object)), ("numbers", ["a"]), ("numbers", [1j]), ("numbers", [[1.0], [1.0, 2.0]]),
    ("numbers", np.array(["2020-01-01"], "M8[D]")), ("numbers", csr_array(np.eye(2))), ("numbers", {"a": 1}), ("numbers", None),
    ("numbers", ma.array([1.0, 2.0], mask=[False, True])), ("numbers", np.zeros(2, [("a", int)])),
    ("singles", [1e300]), ("indices", [0.5]), ("indices", [np.nan]), ("indices", [np.inf]), ("indices", [2**31]),
    ("indices", [1e300]), ("indices", np.array([2**32], np.uint64)), ("indices", [-(2**31) - 1]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), REFUSED, ids=lambda v: v if isinstance(v, str) else type(v).__name__)
def test_refusals_name_class_and_field(field, value):
    with pytest.raises(StochinfError, match=rf"^Fields\.{field}"):
        Fields(**{field: value})


@pytest.mark.parametrize(
    "given",
    [
        [1, 2, 3],
        np.arange(1, 4, dtype=np.int8),
        np.arange(1.0, 4.0, dtype=np.float32),
        np.arange(1.0, 4.0).astype(">f8"),
        np.arange(1.0, 7.0).reshape(3, 2)[:, 0] / 2 + 0.5,
        np.arange(3.0, 0.0, -1.0)[::-1],
        np.frombuffer(np.arange(1.0, 4.0).tobytes()),
        ma.array([1.0, 2.0, 3.0]),
    ],
    ids=range(8),
)
def test_arrays_become_contiguous_writeable_and_of_the_type(given):
    made = Fields(numbers=given).numbers
    assert made.tolist() == [1.0, 2.0, 3.0]
    assert type(made) is np.ndarray
    assert made.dtype == np.float64
    assert made.dtype.isnative
    assert made.flags.c_contiguous
    assert made.flags.writeable


def test_good_arrays_are_not_copied_and_indices_are_narrowed():
    given = np.ones((2, 3))
    assert Fields(numbers=given).numbers is given
    assert Fields(indices=np.array([0.0, 5.0])).indices.dtype == np.int32
    assert Fields(indices=np.array([True, False])).indices.tolist() == [1, 0]
    assert Fields(singles=[np.nan, np.inf, 0.1]).singles.dtype == np.float32


def test_checked_runs_after_conversion_and_may_complete():
    @part
    class Square(NamedTuple):
        side: float
        area: float = np.nan

        def checked(self):
            return self._replace(area=self.side**2)

    assert Square(3).area == 9.0
    assert Square("3" if False else 3, area=5).area == 9.0


def test_traits_and_what_the_decorator_adds():
    assert Recorder.rate_field == "learning_rate"
    assert Recorder.sweep is parts.sweep
    assert si.schedules.Constant(2.0)(5) == 2.0
    assert si.kernel is part


def test_classes_that_are_no_parts_are_refused():
    with pytest.raises(StochinfError, match=r"Plain: a part is a typing.NamedTuple class"):

        @part
        class Plain:
            pass

    with pytest.raises(StochinfError, match=r"Clash: field 'update' has the name of a contract method"):

        @part
        class Clash(NamedTuple):
            update: float


def test_nested_parts_keep_their_types():
    chain = Link(1, Link(2, LastLink()))
    assert chain == Link(1.0, Link(2.0, LastLink(0.25)))
    assert isinstance(chain.amount, float)


def versions_of_a_class():
    def first():
        @part
        class Notebook(NamedTuple):
            base: float = 1.0

            def at(self, step):
                return self.base

        return Notebook

    def second():
        @part
        class Notebook(NamedTuple):
            base: float = 1.0

            def at(self, step):
                return self.base + 1.0

        return Notebook

    return first(), second()


def test_a_class_that_is_defined_again_runs_its_new_code():
    rates = np.empty(1)
    for _ in range(2):
        for cls, expected in zip(versions_of_a_class(), (1.0, 2.0), strict=True):
            fill_rates(cls(), rates, 0)
            assert rates[0] == expected


def test_no_two_parts_of_the_library_share_name_and_fields():
    found = {}
    for module in pkgutil.walk_packages(stochinf.__path__, "stochinf."):
        for value in vars(import_module(module.name)).values():
            if parts.is_part(value) and value.__module__.startswith("stochinf"):
                found.setdefault((value.__name__, value._fields), set()).add(value)
    assert len(found) > 30
    assert {key: classes for key, classes in found.items() if len(classes) > 1} == {}


@needs_jit
def test_what_cannot_be_compiled_is_explained():
    with pytest.raises(CompilationError) as caught:
        si.run(Broken(), Points(10), steps=5, progress=False)
    message = str(caught.value)
    for words in ("Broken.update (line ", "target.no_such_thing", "Unknown attribute 'no_such_thing'", "NUMBA_DISABLE_JIT=1"):
        assert words in message
    assert caught.value.__cause__ is None


@part(needs=("log_density", "gradient"))
class Demanding(NamedTuple):
    unused: int = 0

    def init(self, target, position, streams):
        return Vector(np.zeros(1), np.zeros(1))

    def update(self, target, state, point, rate, rng):
        pass


KERNELS = {
    "no init": (Fields(), "Fields: a kernel needs the method init"),
    "a class": (Recorder, "make an instance"),
    "a function": (print, "a NamedTuple part such as"),
    "a string": ("gibbs", "kernel 'gibbs'"),
    "a missing oracle": (Demanding(), "Demanding needs gradient of its target, and Points has none"),
    "a picker": (si.pickers.Scan(3), "Scan: a kernel needs the method init"),
}


@pytest.mark.parametrize("case", KERNELS)
def test_kernels_that_are_refused(case):
    kernel, words = KERNELS[case]
    with pytest.raises(StochinfError, match=words):
        si.run(kernel, Points(10), steps=5)


@pytest.mark.parametrize("target", [None, 5, "coin", np.zeros(3), object(), CoordinateStep], ids=lambda t: type(t).__name__)
def test_targets_that_are_refused(target):
    with pytest.raises(StochinfError, match=r"target .* is no model"):
        si.run(Recorder(), target, steps=5)


def test_observers_need_their_oracles():
    with pytest.raises(StochinfError, match="Best needs log_density of its target, and Quadratic has none"):
        si.run(Recorder(), quadratic(), steps=5, observer=si.observers.Best())


@part(whole=True)
class Pair(NamedTuple):
    left: npt.NDArray[np.float64]
    right: npt.NDArray[np.float64]

    def weighed(self, factor: int) -> float:
        return float(self.left[0] + factor * self.right[0])


@helper()
def both_weighed(pair: Any, factor: int) -> float:
    return float(pair.weighed(1) + pair.weighed(factor))


@entry
def all_weighed(pair: Any, factor: int) -> float:
    return float(both_weighed(pair, 2) + both_weighed(pair, 3) + both_weighed(pair, factor))


def test_parts_that_are_passed_whole() -> None:
    pair = Pair(np.array([1.0]), np.array([10.0]))
    assert all_weighed(pair, 4) == 6 * 1 + 10 * (3 * 1 + 2 + 3 + 4)


@needs_jit
def test_numbers_that_are_spelt_out_compile_nothing_more() -> None:
    all_weighed(Pair(np.ones(1), np.ones(1)), 4)
    assert len(both_weighed.overloads) <= 1


@needs_jit
def test_compile_options_are_told_apart() -> None:
    from numba.core.compiler import Flags

    one, other = Flags(), Flags()
    one.nrt = False
    assert one == other
    assert hash(one) == hash(other)
    one.nrt = True
    assert one != other
    assert hash(one) != hash(other)
    other.nrt = True
    assert one == other
    assert hash(one) == hash(other)
