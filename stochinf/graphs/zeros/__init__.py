"""Zeros of the tables: which states are possible at all, where a chain may start, and what moves can reach."""
