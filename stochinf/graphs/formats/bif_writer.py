"""Bayesian networks to BIF text."""

import re
from collections.abc import Hashable, Sequence
from itertools import product

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.formats.conditionals import families_of
from stochinf.graphs.formats.numbers import weights_of
from stochinf.graphs.naming import quote

__all__ = ["bif_text", "texts_of"]

_PLAIN = re.compile(r"(?!//|/\*)[^\s{}()\[\],;|\"]+")


def bif_text(graph: FactorGraph) -> str:
    """Return a Bayesian network in BIF; `stochinf.graphs.formats.bif.parse_bif` gives the same tables to the bit.

    Names and labels are written as text, in double quotes where they hold spaces or punctuation.

    Raises
    ------
    GraphError
        If the graph is no Bayesian network, a name or label holds a double quote or a line break, or two of them are the same
        text.

    Examples
    --------
    >>> from stochinf.graphs.formats.bif import parse_bif
    >>> text = "variable Rain { type discrete [2] { no, yes }; } probability ( Rain ) { table 0.8, 0.2; }"
    >>> print(bif_text(parse_bif(text.encode())), end="")
    network unknown {
    }
    variable Rain {
      type discrete [ 2 ] { no, yes };
    }
    probability ( Rain ) {
      table 0.8, 0.2;
    }
    """
    families = families_of(graph, "BIF")
    names, labels = texts_of(graph)
    names = [_word(name) for name in names]
    labels = [[_word(label) for label in row] for row in labels]
    weights = list(map(repr, weights_of(graph).tolist()))
    lines = ["network unknown {", "}"]
    for name, row in zip(names, labels, strict=True):
        lines += [f"variable {name} {{", f"  type discrete [ {len(row)} ] {{ {', '.join(row)} }};", "}"]
    for family, start in zip(families, graph.flat.table_start.tolist(), strict=False):
        *parents, child = family
        given = f" | {', '.join(names[v] for v in parents)}" if parents else ""
        lines.append(f"probability ( {names[child]}{given} ) {{")
        width = len(labels[child])
        for i, states in enumerate(product(*(labels[v] for v in parents))):
            numbers = ", ".join(weights[start + i * width : start + (i + 1) * width])
            lines.append(f"  ({', '.join(states)}) {numbers};" if parents else f"  table {numbers};")
        lines.append("}")
    return "\n".join(lines) + "\n"


def texts_of(graph: FactorGraph) -> tuple[list[str], list[list[str]]]:
    """Return names of variables and labels of states as text.

    Raises
    ------
    GraphError
        If two different ones are the same text.
    """
    names = _distinct(graph.variables, "two variables are called")
    labels = [_distinct(graph.labels(i), f"two states of variable {quote(name)} are called") for i, name in enumerate(names)]
    return names, labels


def _distinct(values: Sequence[Hashable], complaint: str) -> list[str]:
    texts = [str(value) for value in values]
    if len(set(texts)) < len(texts):
        twice = next(text for i, text in enumerate(texts) if text in texts[:i])
        raise GraphError(f"{complaint} {quote(twice)} once they are text; give them different names")
    return texts


def _word(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    if '"' in text or "\n" in text or "\r" in text:
        raise GraphError(f"{quote(text)} cannot be written in BIF: it holds a double quote or a line break; choose another name")
    return f'"{text}"'
