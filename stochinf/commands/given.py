"""What commands are given in words: evidence, sizes of memory, numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stochinf.graphs.factor_graph import FactorGraph

__all__ = ["bytes_of", "evidence_of", "positive"]

SIZE = re.compile(r"(\d{1,18}(?:\.\d{0,18})?)(?:([kmgt])(i?)b?|b)?", re.IGNORECASE)
POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def bytes_of(words: str, what: str = "--memory") -> int:
    """Return a size of memory in bytes: `500000000`, `500M` and `0.5GB` are the same, `2Gi` and `2GiB` are 2 * 1024^3.

    Raises
    ------
    StochinfError
        If it is no size, or less than a byte.

    Examples
    --------
    >>> from stochinf.commands.given import bytes_of
    >>> bytes_of("500M"), bytes_of("2GiB")
    (500000000, 2147483648)
    """
    from stochinf.engine.errors import StochinfError

    found = SIZE.fullmatch(words.strip())
    number, letter, binary = (None, "", "") if found is None else found.groups("")
    size = 0 if number is None else int(float(number) * (1024 if binary else 1000) ** POWERS[letter.lower()])
    if size < 1:
        raise StochinfError(f"{what} {words!r}: a number of bytes is needed, such as 500000000, 500M, 2G or 2GiB")
    return size


def positive(words: str, what: str, unit: str) -> float:
    """Return a positive, finite number.

    Raises
    ------
    StochinfError
        If it is none.

    Examples
    --------
    >>> from stochinf.commands.given import positive
    >>> positive("20", "INF_TIME", "seconds")
    20.0
    """
    from stochinf.engine.errors import StochinfError

    try:
        number = float(words)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise StochinfError(f"{what} = {words!r}: a positive number of {unit} is needed")
    return number


def evidence_of(words: Sequence[str], graph: FactorGraph) -> dict[Hashable, Hashable]:
    """Return evidence from files and from NAME=STATE, names and states compared as text.

    Raises
    ------
    GraphError
        If a name or a state is unknown.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.commands.given import evidence_of
    >>> graph = si.FactorGraph([2, 3], [(0, 1)], [[1, 2, 3, 4, 5, 6]], names=["rain", "sky"], states=[["no", "yes"], list("xyz")])
    >>> evidence_of(["rain=yes"], graph)
    {'rain': 'yes'}
    """
    from stochinf.graphs.formats import read_evidence

    evidence: dict[Hashable, Hashable] = {}
    nodes = {str(node): node for node in graph.variables}
    for word in words:
        name, equals, state = word.rpartition("=")
        if not equals or (name not in nodes and Path(word).exists()):
            evidence.update(read_evidence(word, graph))
        else:
            node, label = _observed(word, name, state, nodes, graph)
            evidence[node] = label
    return evidence


def _observed(word: str, name: str, state: str, nodes: dict[str, Hashable], graph: FactorGraph) -> tuple[Hashable, Hashable]:
    """Return the variable and the label that NAME=STATE means."""
    from stochinf.engine.errors import GraphError
    from stochinf.graphs.naming import did_you_mean

    if name not in nodes:
        raise GraphError(
            f"evidence {word!r}: no variable {name!r} among the {len(nodes)} of the graph{did_you_mean(name, nodes)}"
        )
    labels = {str(label): label for label in graph.labels(graph.index[nodes[name]])}
    if state not in labels:
        raise GraphError(f"evidence {word!r}: {name} has the states {', '.join(labels)}")
    return nodes[name], labels[state]
