"""Factor graphs: models as the user names them, files, evidence and what is asked of them."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stochinf.graphs.factor_graph import FactorGraph as FactorGraph
    from stochinf.graphs.formats import read_evidence as read_evidence
    from stochinf.graphs.formats import read_graph as read_graph

_HOMES = {"FactorGraph": "factor_graph", "read_evidence": "formats", "read_graph": "formats"}

__all__ = ["FactorGraph", "read_evidence", "read_graph"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
