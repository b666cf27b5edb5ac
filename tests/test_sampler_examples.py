"""The examples that set samplers beside each other run, and the samplers agree."""

import numpy as np
import pytest
from test_examples import example


def test_the_coin_by_several_samplers(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["Slice", "Gibbs", "NUTS", "SGLD", "CyclicalSGLD"]
    example("coin_samplers").main(["--draws", "500", "--only", *names])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[3:]]
    assert [line[0] for line in lines] == names
    numbers = np.array([line[1:5] for line in lines], dtype=float)
    np.testing.assert_allclose(numbers[:, 0], 0.6176, atol=0.012)
    np.testing.assert_allclose(numbers[:, 3], 1.0, atol=0.2)
    assert (abs(numbers[:3, 2]) < 5).all()


@pytest.mark.filterwarnings("ignore::stochinf.ConvergenceWarning")
def test_minibatches_against_nuts(capsys: pytest.CaptureFixture[str]) -> None:
    example("langevin_against_nuts").main(["--draws", "250"])
    lines = capsys.readouterr().out.splitlines()[3:]
    assert len(lines) == 3
    ratios = np.array([[float(word) for word in line[46:].split() if word != "to"][:3] for line in lines])
    assert (ratios[:, 0] > 0.8).all()
    assert (ratios[:, 1] < 1.25).all()
    assert (ratios[:, 2] < 0.5).all()
