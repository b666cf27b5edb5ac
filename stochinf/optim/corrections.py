r"""How SAG, SAGA and SVRG correct the gradient of one row: what they share is a table of slopes and its mean.

With the change :math:`\delta = s_i - \hat s_i` of row i's slope against the table, n rows and the mean
:math:`m = \frac1n \sum_k \hat s_k x_k`, a step goes along

.. math::
    \text{SAG: } m + \frac{\delta}{n} x_i, \qquad \text{SAGA, SVRG: } \delta x_i + m .

SAG and SAGA then enter :math:`s_i` into the table; SVRG takes the whole table anew after every `period` steps.

References
----------
Schmidt, M., Le Roux, N. and Bach, F. (2017). Minimizing finite sums with the stochastic average gradient. Math. Program. 162.
Defazio, A., Bach, F. and Lacoste-Julien, S. (2014). SAGA. NIPS 27, equation (1).
Johnson, R. and Zhang, T. (2013). Accelerating stochastic gradient descent using predictive variance reduction. NIPS 26, figure 1.
"""

from __future__ import annotations

from typing import NamedTuple

from stochinf.engine.parts import part

__all__ = ["AtOnce", "Averaged", "Snapshot"]


@part
class AtOnce(NamedTuple):
    """SAGA: the change counts in full, the mean follows after the step."""

    period: int = 0

    def direct(self, change: float) -> float:
        """Return what multiplies the row in the step."""
        return change

    def before(self, change: float, n: int) -> float:
        """Return what the mean gains of the row before the step."""
        return 0.0

    def after(self, change: float, n: int) -> float:
        """Return what the mean gains of the row after the step."""
        return change / n

    def kept(self, old: float, new: float) -> float:
        """Return what stands in the table."""
        return new


@part
class Averaged(NamedTuple):
    """SAG: the change counts only through the mean."""

    period: int = 0

    def direct(self, change: float) -> float:
        """Return what multiplies the row in the step."""
        return 0.0

    def before(self, change: float, n: int) -> float:
        """Return what the mean gains of the row before the step."""
        return change / n

    def after(self, change: float, n: int) -> float:
        """Return what the mean gains of the row after the step."""
        return 0.0

    def kept(self, old: float, new: float) -> float:
        """Return what stands in the table."""
        return new


@part
class Snapshot(NamedTuple):
    """SVRG: the table stands until it is taken anew, after `period` steps."""

    period: int = 0

    def direct(self, change: float) -> float:
        """Return what multiplies the row in the step."""
        return change

    def before(self, change: float, n: int) -> float:
        """Return what the mean gains of the row before the step."""
        return 0.0

    def after(self, change: float, n: int) -> float:
        """Return what the mean gains of the row after the step."""
        return 0.0

    def kept(self, old: float, new: float) -> float:
        """Return what stands in the table."""
        return old
