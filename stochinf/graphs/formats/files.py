"""Model and evidence files, told apart by their suffix."""

import os
from collections.abc import Hashable, Iterable

from stochinf.engine.errors import GraphError
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.formats.bif import read_bif
from stochinf.graphs.formats.textfile import Path
from stochinf.graphs.formats.uai import read_uai, read_uai_evidence
from stochinf.graphs.naming import quote

__all__ = ["read_evidence", "read_graph"]

_GRAPHS = {".uai": read_uai, ".uai.gz": read_uai, ".bif": read_bif, ".bif.gz": read_bif}
_EVIDENCE = {".evid": read_uai_evidence, ".evid.gz": read_uai_evidence}


def read_graph(path: Path) -> FactorGraph:
    """Read a model file: UAI (``.uai``, ``.uai.gz``) or a Bayesian network in BIF (``.bif``, ``.bif.gz``).

    Parameters
    ----------
    path : path
        Its suffix says the format.

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
    >>> read_graph("model.xyz")
    Traceback (most recent call last):
        ...
    stochinf.engine.errors.GraphError: 'model.xyz': no model format of that suffix; known are .uai, .uai.gz, .bif, .bif.gz
    """
    return _GRAPHS[_suffix(path, _GRAPHS, "model")](path)


def read_evidence(path: Path, graph: FactorGraph) -> dict[Hashable, Hashable]:
    """Read an evidence file of a graph: UAI (``.evid``, ``.evid.gz``).

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
    return _EVIDENCE[_suffix(path, _EVIDENCE, "evidence")](path, graph)


def _suffix(path: Path, known: Iterable[str], kind: str) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise GraphError(f"{quote(path)} is no path; give that of the {kind} file")
    name = os.fspath(path).lower()
    for suffix in known:
        if name.endswith(suffix):
            return suffix
    raise GraphError(f"{quote(os.fspath(path))}: no {kind} format of that suffix; known are {', '.join(known)}")
