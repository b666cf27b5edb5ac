"""Minibatch Gibbs sampling: a step looks at a random few of a variable's factors and still keeps the distribution."""

from stochinf.graphs.minibatch.kernel import DoubleMinGibbs, MinGibbs, PoissonGibbs

__all__ = ["DoubleMinGibbs", "MinGibbs", "PoissonGibbs"]
