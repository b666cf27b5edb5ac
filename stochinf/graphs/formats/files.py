"""Model and evidence files, told apart by their suffix."""

import importlib
import os
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.formats.textfile import Path, write_bytes
from stochinf.graphs.naming import quote

__all__ = ["READERS", "WRITERS", "read_evidence", "read_graph", "suffix_of", "write_evidence", "write_graph"]

READERS = {
    ".uai": "uai.read_uai",
    ".bif": "bif.read_bif",
    ".xmlbif": "xmlbif.read_xmlbif",
    ".bifxml": "xmlbif.read_xmlbif",
    ".xml": "xmlbif.read_xmlbif",
    ".fg": "fg.read_fg",
    ".meta": "deepdive.graph_of",
    ".rudy": "rudy.read_rudy",
    ".rud": "rudy.read_rudy",
    ".mc": "rudy.read_rudy",
}
"""Module and function by suffix; each suffix with ``.gz`` too."""

WRITERS = {
    ".uai": "uai.uai_text",
    ".bif": "bif_writer.bif_text",
    ".xmlbif": "xmlbif.xmlbif_text",
    ".bifxml": "xmlbif.xmlbif_text",
    ".xml": "xmlbif.xmlbif_text",
    ".fg": "fg.fg_text",
    ".meta": "deepdive_writer.write_deepdive",
    ".rudy": "rudy.rudy_text",
    ".rud": "rudy.rudy_text",
    ".mc": "rudy.rudy_text",
}
_EVIDENCE = {".evid": "uai_results.read_uai_evidence", ".meta": "deepdive.evidence_of"}
_EVIDENCE_WRITERS = {".evid": "uai_answers.evidence_text"}


def read_graph(path: Path) -> FactorGraph:
    """Read a model file: UAI, BIF, XMLBIF, libDAI's or rudy; or the folder of DeepDive's files.

    Parameters
    ----------
    path : path
        Its suffix says the format: ``.uai``, ``.bif``, ``.xmlbif`` (``.bifxml``, ``.xml``), ``.fg``, ``.rudy`` (``.rud``,
        ``.mc``), each with ``.gz`` too; ``graph.meta`` beside the other files of DeepDive, or their folder.

    Returns
    -------
    FactorGraph
        Variables and states are numbered where the format has no names.

    Raises
    ------
    GraphError
        If the suffix is unknown, or the file breaks a rule of its format.
    MemoryLimitError
        If the model is too large.
    MissingFileError
        If there is no such file.

    Examples
    --------
    >>> read_graph("model.xyz")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    stochinf.engine.errors.GraphError: 'model.xyz': no model format of that suffix; known are .uai, .bif, .xmlbif, ...
    """
    graph: FactorGraph = _function(READERS[_folder_or(path, READERS, "model")])(path)
    return graph


def write_graph(graph: FactorGraph, path: Path) -> None:
    """Write a model file; what is read again has the same tables to the bit.

    Parameters
    ----------
    graph : FactorGraph
        The formats for Bayesian networks (BIF, XMLBIF) take graphs that were built as one.
    path : path
        Its suffix says the format, as for `read_graph`; an existing file is replaced.

    Raises
    ------
    GraphError
        If the suffix is unknown, the format cannot hold the graph, or the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.fg.gz")
    ...     write_graph(FactorGraph([2, 2], [(0, 1)], [[0.1, 0.2, 0.3, 0.4]]), path)
    ...     read_graph(path).weights.round(12).tolist()
    [0.1, 0.2, 0.3, 0.4]
    """
    if not isinstance(graph, FactorGraph):
        raise GraphError(f"write_graph: graph is {quote(graph)}; give a FactorGraph")
    suffix = suffix_of(path, WRITERS, "model")
    if suffix == ".meta":
        _function(WRITERS[suffix])(graph, os.path.dirname(os.fspath(path)) or ".")
        return
    text = _function(WRITERS[suffix])(graph)
    write_bytes(path, text.encode("utf-8"))


def read_evidence(path: Path, graph: FactorGraph) -> dict[Hashable, Hashable]:
    """Read an evidence file of a graph: UAI (``.evid``, ``.evid.gz``), or the evidence in a folder of DeepDive's files.

    Parameters
    ----------
    path : path
        Its suffix says the format.
    graph : FactorGraph
        The graph whose variables were observed.

    Returns
    -------
    dict
        State label by variable.

    Raises
    ------
    GraphError
        If the suffix is unknown, the file breaks a rule of its format, or names what the graph lacks.
    MemoryLimitError
        If the file is too large.
    MissingFileError
        If there is no such file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> graph = FactorGraph([2, 3], [(0, 1)], [[1, 2, 3, 4, 5, 6]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.evid")
    ...     _ = path.write_text("1 1 2")
    ...     read_evidence(path, graph)
    {1: 2}
    """
    if not isinstance(graph, FactorGraph):
        raise GraphError(f"read_evidence: graph is {quote(graph)}; give the FactorGraph that was observed")
    evidence: dict[Hashable, Hashable] = _function(_EVIDENCE[_folder_or(path, _EVIDENCE, "evidence")])(path, graph)
    return evidence


def write_evidence(evidence: Mapping[Any, Hashable], graph: FactorGraph, path: Path) -> None:
    r"""Write evidence as a UAI evidence file (``.evid``, ``.evid.gz``), variables and states by number.

    Parameters
    ----------
    evidence : dict
        State label by variable.
    graph : FactorGraph
        Whose variables they are.
    path : path
        An existing file is replaced.

    Raises
    ------
    GraphError
        If the suffix is unknown, the evidence names what the graph lacks, or the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> graph = FactorGraph([2, 3], [(0, 1)], [[1, 2, 3, 4, 5, 6]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.evid")
    ...     write_evidence({1: 2}, graph, path)
    ...     path.read_text()
    '1 1 2\n'
    """
    text = _function(_EVIDENCE_WRITERS[suffix_of(path, _EVIDENCE_WRITERS, "evidence")])(evidence, graph)
    write_bytes(path, text.encode("ascii"))


def _folder_or(path: Path, known: Iterable[str], kind: str) -> str:
    """Return the suffix of a path that is read; a folder is one of DeepDive's."""
    return ".meta" if isinstance(path, (str, os.PathLike)) and os.path.isdir(path) else suffix_of(path, known, kind)


def suffix_of(path: Path, known: Iterable[str], kind: str) -> str:
    """Return the known suffix that a path has, ``.gz`` aside.

    Raises
    ------
    GraphError
        If it has none of them.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise GraphError(f"{quote(path)} is no path; give that of the {kind} file")
    name = os.fspath(path).lower().removesuffix(".gz")
    for suffix in known:
        if name.endswith(suffix):
            return suffix
    listed = ", ".join(known)
    raise GraphError(f"{quote(os.fspath(path))}: no {kind} format of that suffix; known are {listed}, also with .gz")


def _function(name: str) -> Any:
    module, _, function = name.partition(".")
    return getattr(importlib.import_module(f"stochinf.graphs.formats.{module}"), function)
