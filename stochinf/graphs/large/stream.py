"""Graphs one after the other: a batch of them is one graph of many components."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from stochinf.graphs.conditioning import Conditioned, narrowed
from stochinf.graphs.factor_graph import FactorGraph
from stochinf.graphs.flat import FlatFactors, Floats, Int64s
from stochinf.graphs.large.components import small_parts
from stochinf.graphs.marginals import Marginals
from stochinf.graphs.methods import settled
from stochinf.graphs.question import Question

__all__ = ["Item", "answered_together", "beside_each_other"]


class Item(NamedTuple):
    """A question and what is left of its graph given the evidence.

    Attributes
    ----------
    question : Question
    left : Conditioned
    """

    question: Question
    left: Conditioned


def beside_each_other(graphs: list[FactorGraph]) -> FactorGraph:
    """Return the graph that has other graphs as its parts; its variables are numbers.

    Examples
    --------
    >>> import stochinf as si
    >>> from stochinf.graphs.large.stream import beside_each_other
    >>> pair = si.FactorGraph([2, 3], [(0, 1)], [[1, 2, 3, 4, 5, 6]])
    >>> beside_each_other([pair, pair]).flat.scope.tolist()
    [0, 1, 2, 3]
    """
    flats = [graph.flat for graph in graphs]
    first = np.cumsum([0] + [flat.cardinality.size for flat in flats[:-1]])
    scopes = [flat.scope + np.int32(offset) for flat, offset in zip(flats, first.tolist(), strict=True)]
    return FactorGraph.from_flat(
        FlatFactors(
            np.concatenate([flat.cardinality for flat in flats]),
            _starts([flat.scope_start for flat in flats]),
            np.concatenate(scopes).astype(np.int32),
            np.concatenate([flat.stride for flat in flats]),
            _starts([flat.table_start for flat in flats]),
            np.concatenate([flat.log_weights for flat in flats]),
        )
    )


def _starts(starts: list[Int64s]) -> Int64s:
    sizes = np.concatenate([np.diff(start) for start in starts])
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])


def answered_together(questions: list[Question]) -> Iterator[Marginals | None]:
    """Return the answers of those questions that enumeration answers, all in one go; None for others.

    Parameters
    ----------
    questions : list of Question
        Each about a graph of its own.

    Raises
    ------
    GraphError
        If the factors of a graph contradict each other.
    """
    items = [Item(question, narrowed(question.graph, question.clamped)) for question in questions]
    free = [item.left.graph for item in items if item.left.free.size]
    whole = beside_each_other(free) if free else None
    return _split(items, whole)


def _split(items: list[Item], whole: FactorGraph | None) -> Iterator[Marginals | None]:
    if whole is None:
        yield from (_answer(item, np.empty(0), 0.0) for item in items)
        return
    found = small_parts(whole)
    solved = np.zeros(whole.n_variables, bool)
    solved[found.variables] = True
    start = np.concatenate([[0], np.cumsum(whole.n_states, dtype=np.int64)])
    probability = np.zeros(int(start[-1]))
    probability[np.repeat(solved, whole.n_states)] = found.probability
    begin = 0
    for item in items:
        end = begin + item.left.graph.n_variables
        log_partition = float(found.log_partitions[begin:end].sum()) + _constants(item.left.graph)
        yield _answer(item, probability[start[begin] : start[end]], log_partition) if solved[begin:end].all() else None
        begin = end


def _constants(graph: FactorGraph) -> float:
    """Return what factors of no variable add to the log weight."""
    empty = np.diff(graph.flat.scope_start) == 0
    return float(graph.log_weights[graph.flat.table_start[:-1][empty]].sum()) if empty.any() else 0.0


def _answer(item: Item, probability: Floats, log_partition: float) -> Marginals:
    return settled(
        item.question, item.left, probability, method="exact", reason="enumerated together with others of a stream",
        log_partition=item.left.constant + log_partition,
    )  # fmt: skip
