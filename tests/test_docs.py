"""The pages in docs/ run and their links lead somewhere; public names are documented the numpydoc way."""

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from documents import ROOT, blocks, links, run_page
from numpydoc.validate import validate

import stochinf

PAGES = sorted((ROOT / "docs").rglob("*.md"))
TEXTS = [*PAGES, *ROOT.glob("*.md")]
MODULES = ("density", "diagnostics", "graphs", "mcmc", "models", "observers", "optim", "pickers", "rbm", "schedules", "stop")
CHECKS = {
    "GL01": None, "GL08": "no docstring", "SS02": "the summary begins with a small letter", "SS03": "the summary has no full stop",
    "SS06": "the summary takes more than one line", "PR01": "parameters without a description", "PR02": "unknown parameters",
    "PR10": "no space before the colon", "RT03": "the return value has no description", "EX01": "no example",
}  # fmt: skip
QUICK = {"steps", "epochs", "seconds", "converged", "mcse", "tolerance"}
"""One-line functions of one number, whose summary says all."""


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
def test_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    assert run_page(page) == []


@pytest.mark.fast
@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in links(page) if not (page.parent / link).exists()] == []


@pytest.mark.fast
def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page.parent.name == "docs" and page.name not in ("index.md",) and page.name not in index] == []


@pytest.mark.fast
def test_every_public_name_is_there() -> None:
    for name in stochinf.__all__:
        assert getattr(stochinf, name) is not None
    for module in MODULES:
        home = getattr(stochinf, module)
        for name in home.__all__:
            assert getattr(home, name) is not None
    assert dir(stochinf) == sorted(stochinf.__all__)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        stochinf.no_such_name  # noqa: B018


def public() -> Iterator[tuple[str, Any]]:
    """Public classes and functions, by their full names."""
    seen = set()
    for place in ("", *MODULES):
        home = importlib.import_module("stochinf") if not place else getattr(stochinf, place)
        for name in home.__all__:
            value = getattr(home, name)
            if callable(value) and getattr(value, "__module__", "").startswith("stochinf") and value not in seen:
                seen.add(value)
                yield f"{value.__module__}.{value.__qualname__}", value


@pytest.mark.parametrize("name", ["", *MODULES])
def test_docstrings_are_numpydoc(name: str) -> None:
    wrong = [
        f"{full}: {code} {text}"
        for full, value in public()
        if full.split(".")[-1] in getattr(stochinf if not name else getattr(stochinf, name), "__all__")
        for code, text in complaints(full, value)
    ]
    assert wrong == []


def complaints(full: str, value: Any) -> Iterator[tuple[str, str]]:
    """What numpydoc finds wrong, of what is asked for here."""
    short = full.split(".")[-1]
    exception = inspect.isclass(value) and issubclass(value, Exception | Warning)
    for code, text in validate(full)["errors"]:
        if code not in CHECKS or code == "GL01":
            continue
        if code in ("PR01", "EX01") and (exception or short in QUICK):
            continue
        yield code, text
