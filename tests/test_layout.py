"""The shape of the code: which way imports go, how long files are, what is never written, and what importing costs."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from parts_for_tests import python

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "stochinf"
ORDER = [
    "cli",
    "commands",
    "estimators",
    "search",
    "api",
    "learning",
    "rbm",
    "graphs",
    "vi",
    "mcmc",
    "optim",
    "models",
    "density",
    "diagnostics",
    "engine",
    "lazy",
]
"""From top to bottom: a module imports from its own level and from those to the right."""
SOURCES = sorted(PACKAGE.rglob("*.py"))
ALL_FILES = sorted(file for folder in ("stochinf", "tests", "examples", "benchmarks") for file in (ROOT / folder).rglob("*.py"))
LONGEST = 400

pytestmark = pytest.mark.fast


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def level(parts: tuple[str, ...]) -> str:
    return parts[1] if len(parts) > 1 and parts[1] in ORDER else "top"


def imports(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Every module of ours that a file imports, at its head or inside a function, as parts of the dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = (*base, *(node.module.split(".") if node.module else ()))
            names = [(*stem, alias.name) for alias in node.names]
        else:
            continue
        yield from ((node.lineno, parts) for parts in names if parts[0] == "stochinf")


def upward(text: str, module: tuple[str, ...], package: tuple[str, ...]) -> list[str]:
    """The imports of one module that go up the list, or to the lazy names at the top."""
    own = level(module)
    found = []
    for line, parts in imports(ast.parse(text), package):
        other = level(parts)
        if other == "top":
            wrong = own not in ("top", "cli") and parts != ("stochinf", "__version__")
        else:
            wrong = own != "top" and ORDER.index(other) < ORDER.index(own)
        if wrong:
            found.append(f"line {line}: {'.'.join(module)} imports {'.'.join(parts)}")
    return found


@pytest.mark.parametrize("file", SOURCES, ids=name_of)
def test_imports_only_go_down(file: Path) -> None:
    parts = file.relative_to(ROOT).with_suffix("").parts
    assert upward(file.read_text(encoding="utf-8"), parts, parts[:-1]) == []


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("from stochinf.api.running import run", ("stochinf", "engine", "loop")),
        ("def f():\n    from stochinf.graphs import lanes", ("stochinf", "mcmc", "sgld")),
        ("import stochinf.rbm.estimator", ("stochinf", "graphs", "gibbs")),
        ("from stochinf import models", ("stochinf", "engine", "loop")),
        ("from ..mcmc import metropolis", ("stochinf", "engine", "loop")),
        ("import stochinf", ("stochinf", "engine", "loop")),
        ("from stochinf.engine.jit import entry", ("stochinf", "lazy")),
    ],
)
def test_an_upward_import_is_noticed(text: str, module: tuple[str, ...]) -> None:
    assert upward(text, module, module[:-1])


@pytest.mark.parametrize("folder", sorted({file.parent for file in SOURCES}), ids=name_of)
def test_no_public_name_is_hidden_by_a_module(folder: Path) -> None:
    """Importing `package.name` binds the module in the package, over a function of that name."""
    package = importlib.import_module(".".join(folder.relative_to(ROOT).parts))
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    hidden = [name for name in getattr(package, "__all__", ()) if name in modules]
    assert [name for name in hidden if not isinstance(getattr(package, name), ModuleType)] == []


@pytest.mark.parametrize("file", ALL_FILES, ids=name_of)
def test_files_are_short(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST, f"{name_of(file)} has {lines} lines; at most {LONGEST}: split it by what it is about"


FORBIDDEN = {
    "a bare compiler call": (r"@(numba\.)?n?jit\b|\bnumba\.n?jit\(|\bnjit\(", ("engine/jit.py", "engine/inner.py")),
    "fastmath=True": (r"fastmath\s*=\s*True", ()),
    "parallel=True": (r"parallel\s*=\s*True", ()),
    "numpy's old random numbers": (
        r"np\.random\.(?!default_rng|Generator|BitGenerator|SeedSequence|SFC64|PCG64)\w+", ("engine/random.py",),
    ),
    "pickle": (r"\bimport pickle\b|\bfrom pickle\b|allow_pickle\s*=\s*True", ("engine/cache.py",)),
    "jitclass, structref or objmode": (r"\bjitclass\b|\bstructref\b|\bobjmode\b", ()),
    "exec or eval": (r"(?<![\w.])(exec|eval)\(", ()),
    "assert for validation": (r"^\s*assert\b", ()),
    "a time in a seed": (r"seed\s*=\s*int\(time", ()),
}  # fmt: skip


@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_is_never_written(what: str) -> None:
    pattern, allowed = FORBIDDEN[what]
    found = [
        f"{name_of(file)}:{number}: {line.strip()}"
        for file in SOURCES
        if file.relative_to(PACKAGE).as_posix() not in allowed
        for number, line in enumerate(code_lines(file), 1)
        if re.search(pattern, line)
    ]
    assert found == []


def code_lines(file: Path) -> list[str]:
    """The lines of a file, texts in quotes blanked."""
    source = file.read_text(encoding="utf-8")
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.end_lineno is not None:
            for number in range(node.lineno - 1, node.end_lineno):
                if node.lineno != node.end_lineno:
                    lines[number] = ""
    return lines


HEAVY = ("numba", "scipy", "networkx", "sklearn", "arviz", "matplotlib", "rich", "threadpoolctl")
COIN = "si.sample(si.models.CoinBias(62, 38), draws=20, warmup=5, chains=2, rng=0, progress=False).summary().__repr__()"


def test_importing_is_light() -> None:
    done = python(f"import sys, stochinf; print([name for name in {HEAVY} if name in sys.modules])")
    assert done.stdout.strip() == "[]"


def test_help_of_the_command_line_is_light() -> None:
    code = "import sys\nfrom stochinf.cli import parser\nparser().format_help()"
    done = python(f"{code}\nprint([name for name in {HEAVY} if name in sys.modules])")
    assert done.stdout.strip() == "[]"


def test_a_coin_is_sampled_without_what_it_does_not_need() -> None:
    heavy = ("scipy.linalg", "scipy.stats", "scipy.special", "scipy.sparse", "networkx", "sklearn", "arviz", "matplotlib")
    done = python(f"import sys\nimport stochinf as si\n{COIN}\nprint([name for name in {heavy} if name in sys.modules])")
    assert done.stdout.strip() == "[]"
