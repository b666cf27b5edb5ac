r"""The one convention of noise of this library's Langevin dynamics.

Every kernel discretises a diffusion whose stationary law is :math:`\pi^{1/T}`, with a step :math:`h` in the diffusion's time:

.. math:: \theta \leftarrow \theta - h \nabla U(\theta) + \sqrt{2 h T} z, \qquad U = -\log \pi, \quad z \sim N(0, I).

Textbooks differ. Welling and Teh (2011) write :math:`\epsilon` for the variance of the noise: :math:`h = \epsilon / 2`. Chen, Fox
and Guestrin (2014) have :math:`\eta = h^2` and :math:`\alpha = h \gamma` in equation 15, with velocities :math:`h v`. Li et al.
(2016) have :math:`h = \epsilon / 2`, Ding et al. (2014) the same :math:`h`, and Zhang et al. (2020) :math:`h = \alpha_k / 2`, as
they follow Welling and Teh.
"""

from __future__ import annotations

import math
from typing import Any

from stochinf.engine.errors import StochinfError
from stochinf.engine.jit import helper

__all__ = ["checked_temperature", "noise_ratio", "noise_scale"]


@helper()
def noise_scale(step_size: float, temperature: float) -> float:
    """Return the standard deviation of the noise of a step, sqrt(2 h T)."""
    return math.sqrt(2.0 * step_size * temperature)


def noise_ratio(step_size: float, variance: Any, temperature: float) -> Any:
    """Return the variance that noise of the gradient adds to a step over that of the injected noise, h V / (2 T)."""
    return 0.5 * step_size * variance / temperature if temperature > 0 else math.inf * variance


def checked_temperature(kernel: str, temperature: float) -> float:
    """Return a temperature that is finite and not negative.

    Raises
    ------
    StochinfError
        If it is not.
    """
    if not 0.0 <= temperature < math.inf:
        raise StochinfError(f"{kernel}: temperature = {temperature}; a finite number of at least 0 is needed")
    return temperature
