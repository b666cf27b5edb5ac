"""Run the Python in Markdown pages: blocks with prompts as doctests, others as they stand, one namespace a page."""

import doctest
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: Path) -> list[tuple[int, str]]:
    """The first line and the text of every Python block."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, found.start(1)) + 1, found.group(1)) for found in BLOCK.finditer(text)]


def run_page(page: Path) -> list[str]:
    """Run every block of a page; return what went wrong."""
    names: dict[str, Any] = {"__name__": "page"}
    wrong: list[str] = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for line, text in blocks(page):
        if ">>> " in text:
            test = doctest.DocTestParser().get_doctest(text, names, page.name, str(page), line - 1)
            test.globs = names
            runner.run(test, out=wrong.append, clear_globs=False)
        else:
            exec(compile("\n" * (line - 1) + text, str(page), "exec"), names)
    return wrong


def links(page: Path) -> list[str]:
    """The files that a page points to."""
    found = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return [link for link in found if "://" not in link]
