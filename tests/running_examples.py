"""How tests load examples and read what they say."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name: str) -> ModuleType:
    """Load an example as a module that its classes can be found in."""
    specification = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def numbers(text: str, label: str) -> list[float]:
    """The decimal numbers on the line that begins with a label."""
    line = next(line for line in text.splitlines() if line.startswith(label))
    return [float(word) for word in re.findall(r"-?\d+\.\d+", line.removeprefix(label))]


def picture(tmp_path: Path) -> list[str]:
    """The words that ask for a picture, where one can be drawn."""
    return ["--output", str(tmp_path / "picture.png")] if importlib.util.find_spec("matplotlib") else []


def drawn(words: list[str]) -> bool:
    """Whether the picture that was asked for is there."""
    return not words or Path(words[1]).read_bytes().startswith(b"\x89PNG")
