"""Optimisers that move one coefficient, or one dual variable, at a time."""
