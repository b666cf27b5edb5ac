"""Files and foreign objects to factor graphs, and back; every reader is strict and says where a file is wrong."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "parse_bif": "bif",
        "parse_uai": "uai",
        "parse_uai_evidence": "uai_results",
        "read_bif": "bif",
        "read_evidence": "files",
        "read_graph": "files",
        "read_uai": "uai",
        "read_uai_evidence": "uai_results",
        "write_uai_marginals": "uai_results",
    },
)
