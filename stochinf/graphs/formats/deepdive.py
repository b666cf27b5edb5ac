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

from stochinf.engine.errors import GraphError, MissingFileError
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
    given : list of variables
        Those of `evidence` with the role of observation: learning conditions on them.
    """

    graph: LogicalGraph
    evidence: dict[Hashable, Hashable]
    fixed: npt.NDArray[np.bool_]
    truthiness: dict[Hashable, Floats]
    given: list[Hashable]


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
    if not (folder / "graph.meta").exists():
        raise MissingFileError(f"{str(folder)!r}: the folder cannot be read as a graph of DeepDive's: it has no graph.meta")
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
    n = n_edges // n_factors if n_factors else 0
    record = np.dtype([("head", HEAD), ("literals", LITERAL, (n,)), ("tail", TAIL)])
    if record.itemsize * n_factors == needed and (np.frombuffer(data, record)["head"]["arity"] == n).all() and n:
        rows = np.frombuffer(data, record)
        return _of_records(rows["head"], rows["literals"].reshape(-1), rows["tail"])
    heads, literals, tails = _walked(data, n_factors, n_edges, source)
    return _of_records(np.frombuffer(heads, HEAD), np.frombuffer(literals, LITERAL), np.frombuffer(tails, TAIL))


def _of_records(heads: npt.NDArray[Any], literals: npt.NDArray[Any], tails: npt.NDArray[Any]) -> Factors:
    return Factors(
        heads["function"].astype(np.int64), heads["arity"].astype(np.int64), literals["variable"], literals["value"],
        tails["weight"], tails["feature"].astype(np.float64),
    )  # fmt: skip


def _walked(data: bytes, n_factors: int, n_edges: int, source: str) -> tuple[bytes, bytes, bytes]:
    """Return the heads, literals and tails of factors of different lengths."""
    heads, literals, tails = [], [], []
    position, left = 0, n_edges
    for f in range(n_factors):
        arity = int.from_bytes(data[position + 2 : position + 10], "big")
        if not 1 <= arity <= left:
            raise GraphError(f"{source}: factor {f} has {arity} literals; of {n_edges} announced {left} are left")
        start, stop = position + HEAD.itemsize, position + HEAD.itemsize + arity * LITERAL.itemsize
        heads.append(data[position:start])
        literals.append(data[start:stop])
        position, left = stop + TAIL.itemsize, left - arity
        tails.append(data[stop:position])
    if left:
        raise GraphError(f"{source}: {left} literals fewer than graph.meta announces")
    return b"".join(heads), b"".join(literals), b"".join(tails)


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
    counts, values = _counts(variables, source), _values(variables["states"], domains, source)
    for what, numbers, count in (("variable", factors.variable, variables.size), ("weight", factors.weight, weights.size)):
        if numbers.size and numbers.max() >= count:
            raise GraphError(f"{source}: a factor has the {what} {numbers.max()}; there are {count}")
    scope = factors.variable.astype(np.int32)
    literal = _states_of(scope, factors.value, counts, values)
    if (literal < 0).any():
        culprit = int(np.argmax(literal < 0))
        variable, value = scope[culprit], factors.value[culprit]
        raise GraphError(f"{source}: a factor compares variable {variable} with {value}, which is none of its states")
    observed = np.flatnonzero(variables["role"]).astype(np.int32)
    states = _states_of(observed, variables["value"][observed], counts, values)
    if (states < 0).any():
        culprit = int(observed[np.argmax(states < 0)])
        value = variables["value"][culprit]
        raise GraphError(f"{source}: evidence variable {culprit} has the value {value}, which is none of its states")
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(factors.arity)])
    logic = logical_factors(factors.function, starts, scope, literal, factors.weight.astype(np.int32), factors.feature, weights)
    labels = [values.get(v, range(count)) for v, count in enumerate(counts.tolist())] if values else None
    evidence: dict[Hashable, Hashable] = dict(zip(observed.tolist(), variables["value"][observed].tolist(), strict=True))
    graph = LogicalGraph(counts, logic, None, labels, weight_fixed=fixed)
    given: list[Hashable] = list(np.flatnonzero(variables["role"] == 2).tolist())
    return DeepDive(graph, evidence, fixed, _truthiness(domains), given)


def _counts(variables: npt.NDArray[Any], source: str) -> Int32s:
    """Return the numbers of states; roles and types are checked too."""
    states = variables["states"]
    if (states < 1).any() or (states > MAX_CARDINALITY).any() or states.astype(np.float64).sum() > _MOST_STATES:
        culprit = int(np.argmax((states < 1) | (states > MAX_CARDINALITY)))
        raise GraphError(
            f"{source}: variable {culprit} has {states[culprit]} states; from 1 to {MAX_CARDINALITY} are possible, and together "
            f"{_MOST_STATES}"
        )
    if (variables["type"] > 1).any() or (variables["role"] > 2).any() or (states[variables["type"] == 0] != 2).any():
        raise GraphError(f"{source}: variables have type 0 (Boolean, 2 states) or 1 (categorical) and role 0, 1 or 2")
    return states.astype(np.int32)


def _values(states: npt.NDArray[Any], domains: Mapping[int, npt.NDArray[Any]], source: str) -> dict[int, list[int]]:
    """Return the values of the variables that have a domain, ascending."""
    found: dict[int, list[int]] = {}
    for v, values in domains.items():
        if v >= states.size:
            raise GraphError(f"{source}: variable {v} has a domain; there are {states.size} variables")
        found[v] = sorted(set(values["value"].tolist()))
        if len(values) != states[v] or len(found[v]) != len(values):
            raise GraphError(f"{source}: variable {v} has {states[v]} states and {len(found[v])} values in its domain")
    return found


def _states_of(scope: Int32s, given: npt.NDArray[Any], counts: Int32s, values: dict[int, list[int]]) -> Int32s:
    """Return the number of the state that each value is, -1 for none."""
    states = np.where(given < counts[scope], given, 0).astype(np.int32)
    states[given >= counts[scope]] = -1
    if values:
        listed = np.zeros(counts.size, np.bool_)
        listed[list(values)] = True
        places = {v: {value: k for k, value in enumerate(row)} for v, row in values.items()}
        for i in np.flatnonzero(listed[scope]).tolist():
            states[i] = places[int(scope[i])].get(int(given[i]), -1)
    return states


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
