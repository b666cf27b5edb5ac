"""Damaged files, what becomes of them, and files that announce far too much."""

import json
import random
import resource
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphs.formats.test_bif import GOOD as BIF_TEXT
from graphs.formats.test_bif import XML
from graphs.formats.test_deepdive import TEXT, files
from graphs.formats.test_fg import GOOD as FG_TEXT

from stochinf.engine.errors import GraphError, MemoryLimitError
from stochinf.graphs import FactorGraph
from stochinf.graphs.formats import (
    parse_bif,
    parse_deepdive,
    parse_deepdive_text,
    parse_fg,
    parse_rudy,
    parse_uai,
    parse_uai_evidence,
    parse_uai_result,
    parse_xmlbif,
)  # fmt: skip

__all__ = ["BOMBS", "FORMS", "confined", "mutant", "outcomes"]

SLOWEST = 1.0
DATA = Path(__file__).parents[2] / "data"
UAI = b"MARKOV\n3\n2 3 2\n3\n1 0\n2 0 1\n3 0 1 2\n\n2\n 0.4 0.6\n\n6\n 1 2 3\n 4 5 6\n\n12\n 1 1 1 1 1 1 1 1 1 1 1 2.5e-1\n"
CPT = b"BAYES 2 2 3 2 1 0 2 0 1 2 .25 .75 6 .2 .3 .5 .1 .1 .8"
OBSERVED = FactorGraph([2, 3], [(0, 1)], [[1, 2, 3, 4, 5, 6]])
NUMBERS = (
    b"99999999999999999999", b"-1", b"1e999", b"1e-999", b"nan", b" 0 ", b"2 ", b"\nc ", b"\r", b"\xef\xbb\xbf", b"1_0", b"0x1",
)  # fmt: skip
BLOCKS = b'{ } ( ) ; | /* */ // " property variable table [2]'.split()
TAGS = b"< > </TABLE> <TABLE> <GIVEN>Sky</GIVEN> &lt; &a; <!-- --> ]]>".split()
WORDS: dict[str, list[bytes]] = {
    "uai": [b"MARKOV", b"BAYES"],
    "uai evidence": [b"1 1", b"\n"],
    "uai results": [b"MAR ", b"MAP ", b"PR ", b"-BEGIN-"],
    "bif": [*BLOCKS, b"default 0.5 0.5;"],
    "xmlbif": [*TAGS, b'<!ENTITY a "b">'],
    "fg": [b"#", b"1 0 2 1 0 1\n"],
    "rudy": [b"1 2 3\n", b"%", b"5 5"],
    "deepdive": [b"\x00" * 8, b"\xff" * 8, b"\x00\x00\x00\x00\x00\x00\x00\x02", b"\x7f\xf0", b",", b"9"],
    "deepdive text": [b"\t", b"{", b"}", b",", b"12", b"\n"],
}
"""What is put into damaged files, beside numbers."""


def mutant(rng: random.Random, base: bytes, inserts: list[bytes], alphabet: bytes) -> bytes:
    """The bytes with a few changed, deleted, put in or cut off."""
    data = bytearray(base)
    for _ in range(rng.randint(1, 6)):
        kind, position = rng.random(), rng.randrange(len(data) + 1)
        if kind < 0.5 and position < len(data):
            data[position] = rng.choice(alphabet)
        elif kind < 0.7:
            del data[position : position + rng.randint(1, 8)]
        elif kind < 0.75:
            del data[position:]
        elif kind < 0.8 and len(data) < 20_000:
            data[position:position] = data[max(0, position - rng.randint(1, 200)) : position]
        else:
            data[position:position] = rng.choice(inserts)
    return bytes(data)


def _parts(read: Callable[[dict[str, bytes]], Any], parts: dict[str, bytes]) -> tuple[Callable[[bytes], Any], list[bytes]]:
    """Read the files of one model from their bytes in a row: each file in turn is the damaged one."""
    names = list(parts)

    def read_marked(data: bytes) -> Any:
        return read({**parts, names[data[0] % len(names)]: data[1:]})

    return read_marked, [bytes([i]) + parts[name] for i, name in enumerate(names)]


FORMS: dict[str, tuple[Callable[[bytes], Any], list[bytes]]] = {
    "uai": (parse_uai, [UAI, CPT, (DATA / "uai" / "sample_1.uai").read_bytes()]),
    "uai evidence": (lambda data: parse_uai_evidence(data, OBSERVED), [b"1\n2 1 2 0 1", b"2 0 1 1 2"]),
    "uai results": (parse_uai_result, [b"MAR\n2 2 0.5 0.5 1 1", b"MAP\n-BEGIN-\n3 0 0 0\n-BEGIN-\n3 0 1 2\n", b"PR\n1\n-2.0"]),
    "bif": (parse_bif, [BIF_TEXT.encode(), BIF_TEXT.replace("  (12+) 0.2, 0.8;", "default 0.2 0.8;").encode()]),
    "xmlbif": (parse_xmlbif, [XML.encode()]),
    "fg": (parse_fg, [FG_TEXT.encode(), (DATA / "graphical" / "libdai" / "hoi1.fg").read_bytes()]),
    "rudy": (parse_rudy, [b"4 5\n1 2 1\n2 3 -1\n3 4 2\n4 1 0.5\n1 3 1\n", b"3 2\n1 2\n2 3\n"]),
    "deepdive": _parts(parse_deepdive, files()),
    "deepdive text": _parts(parse_deepdive_text, TEXT),
}


def outcomes(form: str, number: int, seed: int = 20_260_101) -> Counter[str]:
    """How many mutants were read, or refused by which error; anything else is raised.

    Raises
    ------
    AssertionError
        If one takes longer than a second.
    """
    rng, (read, bases), seen = random.Random(seed), FORMS[form], Counter[str]()
    inserts = [*NUMBERS, *WORDS[form]]
    alphabet = bytes(range(256)) if form == "deepdive" else b"0123456789-+.eEnaif \n\x00\xff{}();,<>/"
    for i in range(number):
        data = mutant(rng, bases[i % len(bases)], inserts, alphabet)
        if not data:
            continue
        start = time.process_time()
        try:
            graph = read(data)
            if hasattr(graph, "log_score"):
                assert graph.n_variables >= 1
            seen["read"] += 1
        except (GraphError, MemoryLimitError) as error:
            seen["MemoryLimitError" if isinstance(error, MemoryLimitError) else "GraphError"] += len(str(error)) > 0
        if time.process_time() - start > SLOWEST:
            raise AssertionError(f"{form}: mutant {i} took more than {SLOWEST} s: {data[:200]!r}")
    return seen


def confined(form: str, number: int) -> None:
    """Print `outcomes` of a process that may take 512 MiB more than it has after a few mutants."""
    outcomes(form, 20)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, used + 2**29))
    print(json.dumps(outcomes(form, number)))


def _bif_bomb(n: int = 40) -> bytes:
    names = [f"V{i}" for i in range(n)]
    text = "".join(f"variable {name} {{ type discrete [2] {{ a, b }}; }}\n" for name in names)
    text += "".join(f"probability ( {name} ) {{ table 0.5 0.5; }}\n" for name in names[1:])
    return f"{text}probability ( V0 | {', '.join(names[1:])} ) {{ default 0.5 0.5; }}".encode()


def _xml_bomb(n: int = 40) -> bytes:
    text = "".join(f"<VARIABLE><NAME>V{i}</NAME><OUTCOME>a</OUTCOME><OUTCOME>b</OUTCOME></VARIABLE>" for i in range(n))
    text += "".join(f"<DEFINITION><FOR>V{i}</FOR><TABLE>0.5 0.5</TABLE></DEFINITION>" for i in range(1, n))
    given = "".join(f"<GIVEN>V{i}</GIVEN>" for i in range(1, n))
    return f"<BIF><NETWORK>{text}<DEFINITION><FOR>V0</FOR>{given}<TABLE>1</TABLE></DEFINITION></NETWORK></BIF>".encode()


FORTY = " ".join(map(str, range(40)))
BOMBS: dict[str, tuple[Callable[[bytes], Any], bytes]] = {
    "uai": (parse_uai, f"MARKOV 40 {'2 ' * 40} 1 40 {FORTY} 1099511627776 1 1".encode()),
    "fg": (parse_fg, f"1 40 {FORTY} {'2 ' * 40} 1 0 1".encode()),
    "bif": (parse_bif, _bif_bomb()),
    "xmlbif": (parse_xmlbif, _xml_bomb()),
}
