"""Factor graphs of DeepDive's sampler: logical factors in big-endian records. Every number is checked.

``graph.meta`` holds the numbers of weights, variables, factors and edges. Records, all numbers big-endian:

- ``graph.weights``: id u64, fixed u8, value f64;
- ``graph.variables``: id u64, role u8 (0 query, 1 evidence, 2 observation), value u64, type u16 (0 Boolean, 1 categorical),
  number of states u64;
- ``graph.domains``, if there: variable u64, number of values u64, then for each value u64 and truthiness f64;
- ``graph.factors``: function u16, number of literals u64, for each variable u64 and value u64, then weight u64, feature f64.

Files beside ``graph.meta`` are read, whatever paths it names.

References
----------
DimmWitted sampler (HazyResearch), documentation, "Factor graph in binary format".
"""

import os
from collections.abc import Hashable, Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stochinf.engine.errors import GraphError
from stochinf.graphs.evidence import check_evidence
from stochinf.graphs.flat import MAX_CARDINALITY, Floats, Int32s, Int64s
from stochinf.graphs.formats.textfile import MAX_BYTES, Path, read_bytes
from stochinf.graphs.logic.factors import logical_factors
from stochinf.graphs.logic.graph import LogicalGraph
from stochinf.graphs.naming import quote

__all__ = ["DeepDive", "parse_deepdive", "read_deepdive"]

WEIGHT = np.dtype([("id", ">u8"), ("fixed", "u1"), ("value", ">f8")])
VARIABLE = np.dtype([("id", ">u8"), ("role", "u1"), ("value", ">u8"), ("type", ">u2"), ("states", ">u8")])
VALUE = np.dtype([("value", ">u8"), ("truthiness", ">f8")])
HEAD = np.dtype([("function", ">u2"), ("arity", ">u8")])
LITERAL = np.dtype([("variable", ">u8"), ("value", ">u8")])
TAIL = np.dtype([("weight", ">u8"), ("feature", ">f8")])
_MOST_STATES = 2**24
"""States of all variables together: a short file fills no memory."""


class DeepDive(NamedTuple):
    """What the files of a factor graph hold.

    Attributes
    ----------
    graph : LogicalGraph
        Variables by their ids, 0 ... V - 1; labels are 0 and 1, or the values of a variable's domain in ascending order.
    evidence : dict of variable to label
        Variables with the role of evidence or observation.
    fixed : bool (W,)
        Weights that are not to be learnt.
    truthiness : dict of variable to float64 (states,)
        Likelihoods of the values where the domain gives any that is not 0.
    """

    graph: LogicalGraph
    evidence: dict[Hashable, Hashable]
    fixed: npt.NDArray[np.bool_]
    truthiness: dict[Hashable, Floats]


def read_deepdive(path: Path, max_bytes: int = MAX_BYTES) -> DeepDive:
    """Read the files of a factor graph in a folder: binary where there is ``graph.factors``, else tab-separated text.

    Parameters
    ----------
    path : path
        The folder, or its ``graph.meta``.
    max_bytes : int
        Length each file may have.

    Raises
    ------
    GraphError
        If a file breaks a rule of the format or cannot be opened, naming file and record.
    MemoryLimitError
        If a file is too long.
    """
    folder = FilePath(os.fspath(path))
    folder = folder.parent if folder.name.endswith(".meta") else folder
    if not (folder / "graph.factors").exists() and any(folder.glob("factors*.tsv")):
        from stochinf.graphs.formats.deepdive_text import read_deepdive_text

        return read_deepdive_text(folder, max_bytes)
    names = {name: folder / f"graph.{name}" for name in ("meta", "weights", "variables", "domains", "factors")}
    data = {name: read_bytes(file, max_bytes) for name, file in names.items() if name != "domains" or file.exists()}
    return parse_deepdive(data, str(folder))


def parse_deepdive(data: Mapping[str, bytes], source: str = "<bytes>") -> DeepDive:
    """Read a factor graph from the bytes of its files by name: meta, weights, variables, factors and, optionally, domains.

    Raises
    ------
    GraphError
        If a file breaks a rule of the format.
    """
    sizes = _meta(data["meta"], f"{source}/graph.meta")
    weights, fixed = _weights(_records(data["weights"], WEIGHT, sizes[0], f"{source}/graph.weights"), f"{source}/graph.weights")
    variables = _records(data["variables"], VARIABLE, sizes[1], f"{source}/graph.variables")
    domains = _domains(data.get("domains", b""), sizes[1], f"{source}/graph.domains")
    factors = _factors(data["factors"], sizes[2], sizes[3], f"{source}/graph.factors")
    return assembled(variables, domains, factors, weights, fixed, source)


def _meta(data: bytes, source: str) -> list[int]:
    words = [word.strip(" \t\r\n") for word in data.decode("latin-1").split(",")[:4]]
    if len(words) < 4 or not all(word.isascii() and word.isdecimal() and len(word) < 19 for word in words):
        raise GraphError(f"{source}: {quote(','.join(words))}; needed are weights,variables,factors,edges, four whole numbers")
    return [int(word) for word in words]


def _records(data: bytes, kind: np.dtype[Any], count: int, source: str) -> npt.NDArray[Any]:
    if len(data) != count * kind.itemsize:
        raise GraphError(f"{source}: {len(data)} bytes; {count} records of {kind.itemsize} bytes are announced in graph.meta")
    return np.frombuffer(data, kind)


def ordered(ids: npt.NDArray[Any], what: str, source: str) -> Int64s:
    """Return where each id 0 ... n - 1 stands.

    Raises
    ------
    GraphError
        If the ids are not these.
    """
    order: Int64s = np.argsort(ids, kind="stable")
    wrong = ids[order] != np.arange(ids.size, dtype=np.uint64)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise GraphError(f"{source}: {what} ids are not 0 to {ids.size - 1}, each once: see {ids[order][place]}")
    return order


def _weights(records: npt.NDArray[Any], source: str) -> tuple[Floats, npt.NDArray[np.bool_]]:
    records = records[ordered(records["id"], "weight", source)]
    return records["value"].astype(np.float64), records["fixed"] != 0


def _domains(data: bytes, n_variables: int, source: str) -> dict[int, npt.NDArray[Any]]:
    found: dict[int, npt.NDArray[Any]] = {}
    position = 0
    while position < len(data):
        if position + 16 > len(data):
            raise GraphError(f"{source}: the file ends within a variable's domain, at byte {position}")
        variable, count = (int(number) for number in np.frombuffer(data, ">u8", 2, position))
        position += 16
        if variable >= n_variables or variable in found:
            raise GraphError(f"{source}: variable {variable}, at byte {position - 16}, is no variable or has two domains")
        if count * VALUE.itemsize > len(data) - position:
            raise GraphError(f"{source}: variable {variable} has {count} values announced, and the file ends")
        found[variable] = np.frombuffer(data, VALUE, count, position)
        position += count * VALUE.itemsize
    return found


class Factors(NamedTuple):
    """Factors as the files have them: values, not numbers of states."""

    function: npt.NDArray[Any]
    arity: Int64s
    variable: npt.NDArray[Any]
    value: npt.NDArray[Any]
    weight: npt.NDArray[Any]
    feature: Floats


def _factors(data: bytes, n_factors: int, n_edges: int, source: str) -> Factors:
    needed = n_factors * (HEAD.itemsize + TAIL.itemsize) + n_edges * LITERAL.itemsize
    if len(data) != needed:
        raise GraphError(f"{source}: {len(data)} bytes; {n_factors} factors with {n_edges} literals in all take {needed}")
    functions, arities, tails, literals = [], [], [], []
    position, left = 0, n_edges
    for f in range(n_factors):
        function = int.from_bytes(data[position : position + 2], "big")
        arity = int.from_bytes(data[position + 2 : position + 10], "big")
        if not 1 <= arity <= left:
            raise GraphError(f"{source}: factor {f} has {arity} literals; of {n_edges} announced {left} are left")
        position += 10
        stop = position + arity * LITERAL.itemsize
        literals.append(data[position:stop])
        tails.append(data[stop : stop + TAIL.itemsize])
        functions.append(function)
        arities.append(arity)
        position, left = stop + TAIL.itemsize, left - arity
    if left:
        raise GraphError(f"{source}: {left} literals fewer than graph.meta announces")
    ends = np.frombuffer(b"".join(tails), TAIL)
    pairs = np.frombuffer(b"".join(literals), LITERAL)
    return Factors(
        np.array(functions, np.int64), np.array(arities, np.int64), pairs["variable"], pairs["value"], ends["weight"],
        ends["feature"].astype(np.float64),
    )  # fmt: skip


def assembled(
    variables: npt.NDArray[Any],
    domains: Mapping[int, npt.NDArray[Any]],
    factors: Factors,
    weights: Floats,
    fixed: npt.NDArray[np.bool_],
    source: str,
) -> DeepDive:
    """Put the records together.

    Raises
    ------
    GraphError
        If a number points at what does not exist.
    """
    if not variables.size:
        raise GraphError(f"{source}: empty graph: 0 variables; at least one is needed")
    variables = variables[ordered(variables["id"], "variable", source)]
    labels = _labels(variables, domains, source)
    for what, numbers, count in (("variable", factors.variable, variables.size), ("weight", factors.weight, weights.size)):
        if numbers.size and numbers.max() >= count:
            raise GraphError(f"{source}: a factor has the {what} {numbers.max()}; there are {count}")
    scope = factors.variable.astype(np.int32)
    literal = _states_of(scope, factors.value, labels, source)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(factors.arity)])
    logic = logical_factors(factors.function, starts, scope, literal, factors.weight.astype(np.int32), factors.feature, weights)
    plain = all(row == [0, 1] for row in labels)
    graph = LogicalGraph([len(row) for row in labels], logic, None, None if plain else labels)
    evidence: dict[Hashable, Hashable] = {}
    for v in np.flatnonzero(variables["role"]).tolist():
        value = int(variables["value"][v])
        if value not in labels[v]:
            raise GraphError(f"{source}: evidence variable {v} has the value {value}, which is none of its states")
        evidence[v] = value
    return DeepDive(graph, evidence, fixed, _truthiness(domains))


def _labels(variables: npt.NDArray[Any], domains: Mapping[int, npt.NDArray[Any]], source: str) -> list[list[int]]:
    states = variables["states"]
    if (states < 1).any() or (states > MAX_CARDINALITY).any() or states.astype(np.float64).sum() > _MOST_STATES:
        culprit = int(np.argmax((states < 1) | (states > MAX_CARDINALITY)))
        raise GraphError(
            f"{source}: variable {culprit} has {states[culprit]} states; from 1 to {MAX_CARDINALITY} are possible, and together "
            f"{_MOST_STATES}"
        )
    if (variables["type"] > 1).any() or (variables["role"] > 2).any() or (states[variables["type"] == 0] != 2).any():
        raise GraphError(f"{source}: variables have type 0 (Boolean, 2 states) or 1 (categorical) and role 0, 1 or 2")
    labels = [list(range(count)) for count in states.tolist()]
    for v, values in domains.items():
        if v >= len(labels):
            raise GraphError(f"{source}: variable {v} has a domain; there are {len(labels)} variables")
        numbers = sorted(values["value"].tolist())
        if len(numbers) != len(labels[v]) or len(set(numbers)) != len(numbers):
            different = len(set(numbers))
            raise GraphError(f"{source}: variable {v} has {len(labels[v])} states and {different} values in its domain")
        labels[v] = numbers
    return labels


def _states_of(scope: Int32s, values: npt.NDArray[Any], labels: list[list[int]], source: str) -> Int32s:
    places = [{label: k for k, label in enumerate(row)} for row in labels]
    states = [places[v].get(value, -1) for v, value in zip(scope.tolist(), values.tolist(), strict=True)]
    if -1 in states:
        culprit = states.index(-1)
        raise GraphError(
            f"{source}: a factor compares variable {scope[culprit]} with {values[culprit]}, which is none of its states"
        )
    return np.array(states, np.int32)


def _truthiness(domains: Mapping[int, npt.NDArray[Any]]) -> dict[Hashable, Floats]:
    found: dict[Hashable, Floats] = {}
    for v, values in domains.items():
        likelihood = values["truthiness"].astype(np.float64)[np.argsort(values["value"], kind="stable")]
        if not (np.isfinite(likelihood) & (likelihood >= 0)).all():
            raise GraphError(f"variable {v}: truthiness {quote(likelihood.tolist())}; finite numbers of at least 0 are needed")
        if likelihood.any():
            found[v] = likelihood
    return found


def graph_of(path: Path) -> LogicalGraph:
    """Return the graph alone; as `read_deepdive`."""
    return read_deepdive(path).graph


def evidence_of(path: Path, graph: LogicalGraph) -> dict[Hashable, Hashable]:
    """Return the evidence alone; as `read_deepdive`."""
    found = read_deepdive(path).evidence
    check_evidence(graph, found)
    return found
