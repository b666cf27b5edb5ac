"""`precompile` says what it compiled, what it loaded and where it is kept."""

import json

from parts_for_tests import needs_jit, python

from stochinf.api.precompiling import COMMON, Common, precompile

COIN = """
import json
from stochinf.api.precompiling import COMMON, precompile
lines = []
precompile(lines.append, COMMON[:1] * 2)
print(json.dumps(lines))
"""


@needs_jit
def test_it_compiles_once_and_loads_ever_after(tmp_path):
    first, second = (json.loads(python(COIN, STOCHINF_CACHE_DIR=str(tmp_path)).stdout) for _ in range(2))
    assert first[0] == f"cache: {tmp_path / 'stochinf'}"
    assert first[1].startswith("coin by Metropolis: compiled 3 in ")
    assert second[1].startswith("coin by Metropolis: loaded 3 in ")
    assert first[2] == second[2] == "coin by Metropolis: ready"


def test_it_says_where_nothing_can_be_kept_and_skips_what_is_not_there(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STOCHINF_CACHE_DIR", str(tmp_path / "file"))
    lines = []
    precompile(lines.append, (Common("nothing", "no_such_module", lambda: 1 / 0), Common("empty", "engine", lambda: None)))
    assert lines == ["cache: no folder can be written: set STOCHINF_CACHE_DIR; nothing will be kept", "empty: ready"]
    assert len({c.name for c in COMMON}) == len(COMMON)
