"""States of a variable from the attributes of a networkx node."""

from collections.abc import Hashable
from typing import Any

import numpy as np

from stochinf.engine.errors import GraphError
from stochinf.graphs.flat import MAX_CARDINALITY
from stochinf.graphs.naming import quote

__all__ = ["labels_of"]


def labels_of(node: Hashable, data: dict[str, Any]) -> Any:
    """Return the labels that ``states`` lists, or 0 ... ``cardinality`` - 1.

    Raises
    ------
    GraphError
        If there is neither, or they contradict each other.

    Examples
    --------
    >>> labels_of("A", {"cardinality": 3}), labels_of("B", {"states": ["off", "on"]})
    (range(0, 3), ['off', 'on'])
    """
    states, count = data.get("states"), data.get("cardinality")
    if states is None and count is None:
        raise GraphError(f"variable {quote(node)} has neither cardinality nor states; give one of them")
    if count is not None and (
        isinstance(count, bool) or not isinstance(count, (int, np.integer)) or not 1 <= count <= MAX_CARDINALITY
    ):
        raise GraphError(f"variable {quote(node)}: cardinality {quote(count)}; give a whole number from 1 to {MAX_CARDINALITY}")
    if states is not None and (not isinstance(states, (list, tuple, range)) or count not in (None, len(states))):
        raise GraphError(f"variable {quote(node)}: states {quote(states)} for cardinality {count}; give a list of labels")
    return states if count is None or states is not None else range(int(count))
