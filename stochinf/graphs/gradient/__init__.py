"""Gradient-informed sampling of discrete variables: Gibbs with gradients and discrete Langevin proposals."""

from stochinf.graphs.gradient.kernel import DiscreteLangevin, GibbsWithGradients
from stochinf.graphs.gradient.spin_langevin import SpinLangevin
from stochinf.graphs.gradient.spin_moves import SpinGradients
from stochinf.graphs.gradient.table_langevin import TableLangevin
from stochinf.graphs.gradient.table_moves import TableGradients

__all__ = ["DiscreteLangevin", "GibbsWithGradients", "SpinGradients", "SpinLangevin", "TableGradients", "TableLangevin"]
