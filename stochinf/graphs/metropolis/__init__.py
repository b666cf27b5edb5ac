"""Single-site Metropolis sampling of factor graphs."""

from stochinf.graphs.metropolis.kernel import Metropolis
from stochinf.graphs.metropolis.spins import SpinMetropolis
from stochinf.graphs.metropolis.tables import TableMetropolis

__all__ = ["Metropolis", "SpinMetropolis", "TableMetropolis"]
