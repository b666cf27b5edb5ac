"""Marginals for a stream of graphs, of which a batch at a time is in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from stochinf.api.asking import answered, asked
from stochinf.engine.convert import counted
from stochinf.engine.errors import GraphError
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.methods import METHODS
from stochinf.graphs.question import chosen

__all__ = ["marginals_stream"]


def marginals_stream(graphs: Iterable[Any], method: str = "auto", *, batch: int = 1000, **means: Any) -> Iterator[Marginals]:
    """Return the marginals of graphs that an iterable gives, one after the other, such as the components of a knowledge base.

    So many graphs at a time are in memory. With "auto" the small ones of a batch are enumerated together, those of equal
    structure in one array; each of the others is answered by itself.

    Parameters
    ----------
    graphs : iterable
        Graphs as `stochinf.marginals` takes them, or pairs of a graph and its evidence.
    method : str
        As in `stochinf.marginals`.
    batch : int
        Graphs to read at a time.
    **means : dict
        The keyword arguments of `stochinf.marginals`; with `rng` all graphs that are sampled use the same seed.

    Returns
    -------
    iterator of Marginals
        In the order of the graphs. Nothing is read before it is asked for.

    Raises
    ------
    GraphError
        If a graph is none, or its evidence is unknown or impossible; the message says which one, counted from 0.

    Examples
    --------
    >>> import stochinf as si
    >>> many = (si.FactorGraph([2, 2], [(0,), (0, 1)], [[1, 1 + i], [9, 1, 1, 9]]) for i in range(5000))
    >>> sum(float(r[1][1]) > 0.891 for r in si.marginals_stream(many))
    4913
    """
    answer, size = chosen(method, METHODS), counted("batch", batch)
    return _answers(iter(graphs), answer, size, method == "auto", means)


def _answers(graphs: Iterator[Any], answer: Any, size: int, together: bool, means: dict[str, Any]) -> Iterator[Marginals]:
    from stochinf.graphs.large.stream import answered_together

    first = 0
    while items := list(islice(graphs, size)):
        questions = [_question(item, first + i, means) for i, item in enumerate(items)]
        small = [i for i, question in enumerate(questions) if together and question.graph.tabular]
        found = dict(zip(small, answered_together([questions[i] for i in small]), strict=True))
        for i, question in enumerate(questions):
            ready = found.get(i)
            yield answered(answer, question) if ready is None else ready
        first += len(items)


def _question(item: Any, number: int, means: dict[str, Any]) -> Any:
    graph, evidence = item if isinstance(item, tuple) and len(item) == 2 else (item, None)
    try:
        return asked(graph, evidence, **means)
    except GraphError as error:
        raise GraphError(f"graph {number} of the stream: {error}") from error
