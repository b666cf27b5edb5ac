"""Probabilistic inference and sampling on one compiled loop."""

__version__ = "0.1.0"
