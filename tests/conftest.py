"""What every test runs under."""

from collections.abc import Iterator

import numpy as np
import pytest

from stochinf.engine.jit import JIT


@pytest.fixture(autouse=True)
def wrapping_integers() -> Iterator[None]:
    """Without the JIT the unsigned integers of the generators wrap round as numpy scalars, which numpy would report."""
    with np.errstate(over="warn" if JIT else "ignore"):
        yield
