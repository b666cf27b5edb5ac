"""The XML form of the Bayesian network interchange format, XMLBIF 0.3. Strict.

A VARIABLE has a NAME and OUTCOMEs; a DEFINITION has FOR, its variable, GIVEN for each parent, and a TABLE in which the
outcomes of FOR vary fastest, then those of the last GIVEN.

References
----------
Cozman, F. G. (1998). The interchange format for Bayesian networks, XMLBIF 0.3.
"""

import re
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn
from xml.sax.saxutils import escape

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import MAX_CARDINALITY, MAX_ENTRIES
from stochinf.graphs.formats.bif_writer import texts_of
from stochinf.graphs.formats.conditionals import bayesian_network, conditional_layout, families_of
from stochinf.graphs.formats.numbers import decimals, weights_of
from stochinf.graphs.formats.textfile import MAX_BYTES, Path, read_bytes
from stochinf.graphs.naming import did_you_mean, quote

__all__ = ["parse_xmlbif", "read_xmlbif", "xmlbif_text"]

_PARENT = {
    "BIF": "", "NETWORK": "BIF", "VARIABLE": "NETWORK", "DEFINITION": "NETWORK", "PROBABILITY": "NETWORK", "OUTCOME": "VARIABLE",
    "VALUE": "VARIABLE", "FOR": "DEFINITION", "GIVEN": "DEFINITION", "TABLE": "DEFINITION",
}  # fmt: skip
_NO_XML = re.compile("[\x00-\x1f\ud800-\udfff\ufffe\uffff]")
_ANYWHERE = ("NAME", "PROPERTY", "OBSERVED")
_SYNONYM = {"PROBABILITY": "DEFINITION", "VALUE": "OUTCOME"}


class _Block(NamedTuple):
    """A VARIABLE or a DEFINITION: the texts of its elements and its line."""

    kind: str
    line: int
    texts: dict[str, list[str]]


def read_xmlbif(path: Path, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> FactorGraph:
    """Read a Bayesian network in XMLBIF; states are strings, each factor's ``child`` is its scope's last variable.

    Parameters, errors and result are those of `stochinf.graphs.formats.bif.read_bif`.
    """
    return parse_xmlbif(read_bytes(path, max_bytes), str(path), max_entries)


def parse_xmlbif(data: bytes, source: str = "<bytes>", max_entries: int = MAX_ENTRIES) -> FactorGraph:
    """Read a Bayesian network from the bytes of an XMLBIF file; as `read_xmlbif`.

    >>> rain = b"<VARIABLE><NAME>Rain</NAME><OUTCOME>no</OUTCOME><OUTCOME>yes</OUTCOME></VARIABLE>"
    >>> table = b"<DEFINITION><FOR>Rain</FOR><TABLE>0.8 0.2</TABLE></DEFINITION>"
    >>> parse_xmlbif(b"<BIF><NETWORK>" + rain + table + b"</NETWORK></BIF>").states
    {'Rain': ['no', 'yes']}
    """
    blocks = _Elements(data, source).blocks
    labels: dict[str, list[str]] = {}
    for block in blocks:
        if block.kind == "VARIABLE":
            name = _one(block, "NAME", source)
            if name in labels:
                raise GraphError(f"{source}, line {block.line}: variable {quote(name)} is declared twice")
            labels[name] = _outcomes(block, name, source)
    if not labels:
        raise GraphError(f"{source}: empty graph: the file has no VARIABLE")
    return _network([block for block in blocks if block.kind == "DEFINITION"], labels, source, max_entries)


class _Elements:
    """What the parser of the standard library sees, element by element; entities are refused."""

    def __init__(self, data: bytes, source: str) -> None:
        from xml.parsers import expat

        self.source = source
        self.path: list[str] = []
        self.text: list[str] = []
        self.blocks: list[_Block] = []
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text.append
        parser.EntityDeclHandler = self.entity
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise GraphError(f"{source}, line {error.lineno}: {expat.ErrorString(error.code)}; this is no XML") from None
        except (LookupError, ValueError) as error:
            raise GraphError(f"{source}: its text encoding cannot be read ({error}); save the file as UTF-8") from None

    def fail(self, complaint: str) -> NoReturn:
        raise GraphError(f"{self.source}, line {self.parser.CurrentLineNumber}: {complaint}")

    def entity(self, name: str, *_: Any) -> None:
        self.fail(f"the document type declares the entity {quote(name)}; write the text itself")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        within = self.path[-1] if self.path else ""
        name = name.upper()
        if "PROPERTY" not in self.path:
            name = _SYNONYM.get(name, name)
            if name not in _ANYWHERE and _PARENT.get(name) != within:
                self.fail(f"element {quote(name)} within {within or 'the document'}; an XMLBIF file has BIF/NETWORK/VARIABLE ...")
            if name == "VARIABLE" and attributes.get("TYPE", "nature").lower() != "nature":
                self.fail(f"a variable of TYPE {quote(attributes['TYPE'])}; only TYPE='nature' has probabilities")
            if name in ("VARIABLE", "DEFINITION"):
                self.blocks.append(_Block(name, self.parser.CurrentLineNumber, {}))
        self.path.append(name)
        self.text.clear()

    def end(self, name: str) -> None:
        name = self.path.pop()
        if self.path and self.path[-1] in ("VARIABLE", "DEFINITION") and name != "PROPERTY":
            self.blocks[-1].texts.setdefault(name, []).append("".join(self.text).strip())
        self.text.clear()


def _one(block: _Block, element: str, source: str) -> str:
    found = block.texts.get(element, [])
    if len(found) != 1 or not found[0]:
        raise GraphError(
            f"{source}, line {block.line}: a {block.kind} with {len(found)} {element}; one that is not empty is needed"
        )
    return found[0]


def _outcomes(block: _Block, name: str, source: str) -> list[str]:
    found = block.texts.get("OUTCOME", [])
    if not 1 <= len(found) <= MAX_CARDINALITY or len(set(found)) < len(found):
        raise GraphError(
            f"{source}, line {block.line}: variable {quote(name)} has {len(found)} OUTCOMEs; from 1 to {MAX_CARDINALITY} are "
            "possible, all different"
        )
    return found


def _network(blocks: list[_Block], labels: dict[str, list[str]], source: str, max_entries: int) -> FactorGraph:
    index = {name: i for i, name in enumerate(labels)}
    families = []
    for block in blocks:
        names = [*block.texts.get("GIVEN", []), _one(block, "FOR", source)]
        unknown = next((name for name in names if name not in index), None)
        if unknown is not None:
            raise GraphError(f"{source}, line {block.line}: no variable {quote(unknown)}{did_you_mean(unknown, index)}")
        families.append([index[name] for name in names])
    layout = conditional_layout([len(row) for row in labels.values()], families, list(labels), source, max_entries)
    texts: list[str] = []
    for block, needed in zip(blocks, np.diff(layout.table_start).tolist(), strict=True):
        words = _one(block, "TABLE", source).split()
        if len(words) != needed:
            name = block.texts["FOR"][0]
            raise GraphError(f"{source}, line {block.line}: TABLE of {quote(name)}: {len(words)} numbers given, {needed} needed")
        texts += words

    def blame(position: int, complaint: str) -> NoReturn:
        block = blocks[int(np.searchsorted(layout.table_start, position, side="right")) - 1]
        raise GraphError(f"{source}, TABLE in the block of line {block.line}: {quote(texts[position])} {complaint}")

    return bayesian_network(layout, decimals(texts, blame), list(labels), list(labels.values()), source)


def xmlbif_text(graph: FactorGraph) -> str:
    """Return a Bayesian network in XMLBIF; `parse_xmlbif` gives the same tables to the bit, names and labels as text.

    Raises
    ------
    GraphError
        If the graph is no Bayesian network, or a name or label is empty, starts or ends with a space, or holds a control
        character.
    """
    families = families_of(graph, "XMLBIF")
    names, labels = texts_of(graph)
    for text in [*names, *(label for row in labels for label in row)]:
        if (
            not text
            or text != text.strip()
            or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 or ord(c) in (0xFFFE, 0xFFFF) for c in text)
        ):
            raise GraphError(f"{quote(text)} cannot be written in XMLBIF: empty, a space at an end or a control character")
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<BIF VERSION="0.3">', "<NETWORK>"]
    for name, row in zip(names, labels, strict=True):
        outcomes = "".join(f"<OUTCOME>{escape(label)}</OUTCOME>" for label in row)
        lines.append(f'<VARIABLE TYPE="nature"><NAME>{escape(name)}</NAME>{outcomes}</VARIABLE>')
    weights = list(map(repr, weights_of(graph).tolist()))
    tables = graph.flat.table_start.tolist()
    for family, (a, b) in zip(families, pairwise(tables), strict=True):
        given = "".join(f"<GIVEN>{escape(names[v])}</GIVEN>" for v in family[:-1])
        lines.append(
            f"<DEFINITION><FOR>{escape(names[family[-1]])}</FOR>{given}<TABLE>{' '.join(weights[a:b])}</TABLE></DEFINITION>"
        )
    return "\n".join([*lines, "</NETWORK>", "</BIF>"]) + "\n"
