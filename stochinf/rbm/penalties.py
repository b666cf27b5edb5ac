r"""What is asked of a machine beside likelihood: small weights, and hidden units that are seldom on.

.. math:: \tfrac12 \lambda_2 \lVert W \rVert^2 + \lambda_1 \lVert W \rVert_1, \qquad
   \text{and } s (q_j - t) \text{ added to the gradient of } c_j,

with the running mean :math:`q_j` of unit j over the data. Biases are not penalised.

References
----------
Hinton, G. E. (2012). A practical guide to training restricted Boltzmann machines. LNCS 7700, sections 10 and 11.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from stochinf.engine.errors import StochinfError
from stochinf.engine.parts import part

__all__ = ["Penalties"]


@part
class Penalties(NamedTuple):
    """Penalties on weights and on the activity of hidden units.

    Parameters
    ----------
    l1, l2 : float
        Strengths of the penalties on weights.
    sparsity_target : float
        Mean that hidden units should have.
    sparsity : float
        Strength of the pull towards it.

    Examples
    --------
    >>> import stochinf as si
    >>> si.rbm.Penalties(l2=1e-4).l2
    0.0001
    """

    l1: float = 0.0
    l2: float = 0.0
    sparsity_target: float = 0.0
    sparsity: float = 0.0

    def checked(self) -> Penalties:
        """Check the strengths."""
        for name in ("l1", "l2", "sparsity"):
            if not 0 <= getattr(self, name) < math.inf:
                raise StochinfError(f"Penalties: {name} = {getattr(self, name)}; a finite number of at least 0 is needed")
        if not math.isfinite(self.sparsity_target):
            raise StochinfError(f"Penalties: sparsity_target = {self.sparsity_target}; a finite number is needed")
        return self
