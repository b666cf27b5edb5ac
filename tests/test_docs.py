"""The pages in docs/ run and their links lead somewhere; public names are documented the numpydoc way."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents import ROOT, blocks, links, run_page
from numpydoc.validate import validate

import stochinf

PAGES = sorted((ROOT / "docs").rglob("*.md"))
TEXTS = [*PAGES, *ROOT.glob("*.md")]
MODULES = (
    "density",
    "diagnostics",
    "estimators",
    "graphs",
    "learning",
    "mcmc",
    "models",
    "observers",
    "optim",
    "pickers",
    "rbm",
    "schedules",
    "search",
    "stop",
    "vi",
)
EXEMPT = {
    "ES01": "a summary that says all needs no more text",
    "SA01": "the pages in docs/ say what belongs together",
}
"""Checks of numpydoc that are not asked for, and why; every other is."""
UNCALLED = {"EX01": "what nobody makes: an exception, a protocol", "PR01": "a protocol's constructor takes nothing"}
TABLES = ("observers", "pickers", "schedules", "stop")
"""Where small parts live, which the pages list and run."""


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
    names = {page.name for page in PAGES if page.parent.name == "docs"} - {"index.md"}
    assert [name for name in names if name not in index] == []


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


@pytest.mark.parametrize("name", ["", *MODULES])
def test_docstrings_are_numpydoc(name: str) -> None:
    assert [f"{full}: {complaint}" for full, value in public(name) for complaint in complaints(full, value)] == []


def public(place: str) -> Iterator[tuple[str, Any]]:
    """Public classes and functions of a place, by their full names."""
    home = getattr(stochinf, place) if place else stochinf
    for name in home.__all__:
        value = getattr(home, name)
        if callable(value) and getattr(value, "__module__", "").startswith("stochinf"):
            yield f"{value.__module__}.{value.__qualname__}", value


def complaints(full: str, value: Any) -> Iterator[str]:
    """What numpydoc finds wrong, of what is asked for here."""
    uncalled = inspect.isclass(value) and (issubclass(value, Exception) or getattr(value, "_is_protocol", False))
    for code, message in validate(full)["errors"]:
        undocumented = set(re.findall(r"'(\S+?)'", message)) - filled_in(value) if code == "PR01" else {message}
        if undocumented and code not in EXEMPT and not (uncalled and code in UNCALLED):
            yield f"{code} {message}"


def filled_in(value: Any) -> set[str]:
    """Parameters that need no words: arrays that a part makes for itself, what a base class documents, numba's own argument."""
    fields = getattr(value, "_field_defaults", {}).items()
    inherited = inspect.isclass(value) and "__init__" not in vars(value)
    known = set(inspect.signature(value.__init__).parameters) if inherited else set()
    return {"unused", "typing_context", *known} | {name for name, default in fields if isinstance(default, np.ndarray)}


@pytest.mark.fast
@pytest.mark.parametrize("place", TABLES)
def test_the_pages_list_the_small_parts(place: str) -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    home = getattr(stochinf, place)
    inner = {"Nothing", "Product", "Rule", "View", "as_schedule", "geometric_ladder"}
    assert [name for name in home.__all__ if name not in inner and not re.search(rf"\b{name}\b", pages)] == []
