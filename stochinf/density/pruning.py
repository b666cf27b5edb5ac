"""Graphs without what nobody asks for: outputs of scans that are not used, what is carried for nothing, rows not looked at."""

from __future__ import annotations

from stochinf.density.graph import Graph, Node

__all__ = ["lean"]


def lean(graph: Graph) -> Graph:
    """Return a graph that computes the same outputs and nothing else.

    Parameters
    ----------
    graph : Graph
        What to prune.

    Returns
    -------
    Graph

    Examples
    --------
    >>> from stochinf.density.graph import Graph, Node
    >>> from stochinf.density.pruning import lean
    >>> print(lean(Graph((Node("input", (), (3,), "float", (0,)), Node("exp", (0,), (3,)), Node("sin", (0,), (3,))), (2,))))
    0 input(0) (3,)
    1 sin 0 (3,)
    outputs 1
    """
    needed, used = set(graph.outputs), dict[int, set[int]]()
    nodes = list(graph.nodes)
    places: dict[int, dict[int, int]] = {}
    for number in range(len(nodes) - 1, -1, -1):
        if number not in needed:
            continue
        node = nodes[number]
        if node.op == "result":
            used.setdefault(node.operands[0], set()).add(node.attributes[0])
        elif node.op == "scan":
            nodes[number], places[number] = lean_scan(node, used[number])
        needed.update(nodes[number].operands)
    for number in needed:
        node = nodes[number]
        if node.op == "result":
            nodes[number] = node._replace(attributes=(places[node.operands[0]][node.attributes[0]],))
    return kept_only(nodes, needed, graph.outputs)


def kept_only(nodes: list[Node], needed: set[int], outputs: tuple[int, ...]) -> Graph:
    """Return the graph of some nodes, numbered anew."""
    new = {old: place for place, old in enumerate(sorted(needed))}
    renamed = (nodes[old]._replace(operands=tuple(new[operand] for operand in nodes[old].operands)) for old in new)
    return Graph(tuple(renamed), tuple(new[output] for output in outputs))


def lean_scan(node: Node, used: set[int]) -> tuple[Node, dict[int, int]]:
    """Return a scan with the results that are used and what they need, and where they are now."""
    body, n_carries, n_sequences, length, reverse = node.attributes
    results = sorted(used)
    while True:
        inner = lean(Graph(body.nodes, tuple(body.outputs[k] for k in results)))
        slots = set(inner.leaves("input"))
        more = {slot for slot in slots if slot < n_carries} - set(results)
        if not more:
            break
        results = sorted({*results, *more})
    carries = [k for k in results if k < n_carries]
    kept = carries + [slot for slot in range(n_carries, len(node.operands)) if slot in slots]
    place = {slot: new for new, slot in enumerate(kept)}
    inputs = (n._replace(attributes=(place[n.attributes[0]],)) if n.op == "input" else n for n in inner.nodes)
    rows = sum(n_carries <= slot < n_carries + n_sequences for slot in kept)
    attributes = (inner._replace(nodes=tuple(inputs)), len(carries), rows, length, reverse)
    made = node._replace(operands=tuple(node.operands[slot] for slot in kept), attributes=attributes)
    return made, {k: new for new, k in enumerate(results)}
