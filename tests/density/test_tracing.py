"""What numpy computes, a traced function computes; what cannot be traced is told with its line and the way out."""

import numpy as np
import pytest
from density_functions import FUNCTIONS, POINT

from stochinf.density.interpreter import evaluate
from stochinf.density.tracing import trace

pytestmark = pytest.mark.fast


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_traced_function_is_the_function(name: str) -> None:
    found = trace(FUNCTIONS[name], 6)
    (value,) = evaluate(found.graph, [POINT], found.data)
    assert value.shape == ()
    np.testing.assert_allclose(value, FUNCTIONS[name](POINT), rtol=1e-12, atol=1e-12)
