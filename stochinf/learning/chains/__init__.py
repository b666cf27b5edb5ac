"""Contrastive learning by chains: the arrays, the steps and the driver behind `cd` and `pcd`."""
