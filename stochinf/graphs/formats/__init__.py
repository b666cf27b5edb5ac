"""Files and foreign objects to factor graphs, and back; every reader is strict and says where a file is wrong."""

from __future__ import annotations

from stochinf.lazy import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    {
        "ModelReport": "checking",
        "check": "checking",
        "convert": "checking",
        "report": "checking",
        "convert_object": "objects",
        "to_networkx": "nx_out",
        "UaiResult": "uai_answers",
        "bif_text": "bif_writer",
        "evidence_text": "uai_answers",
        "fg_text": "fg",
        "parse_bif": "bif",
        "parse_fg": "fg",
        "parse_rudy": "rudy",
        "parse_uai": "uai",
        "parse_uai_evidence": "uai_results",
        "parse_uai_result": "uai_answers",
        "parse_xmlbif": "xmlbif",
        "read_bif": "bif",
        "read_evidence": "files",
        "read_fg": "fg",
        "read_graph": "files",
        "read_rudy": "rudy",
        "read_uai": "uai",
        "read_uai_evidence": "uai_results",
        "read_uai_result": "uai_answers",
        "read_xmlbif": "xmlbif",
        "rudy_text": "rudy",
        "uai_text": "uai",
        "write_evidence": "files",
        "write_graph": "files",
        "write_uai_marginals": "uai_results",
        "write_uai_partition": "uai_answers",
        "write_uai_state": "uai_answers",
        "xmlbif_text": "xmlbif",
    },
)
