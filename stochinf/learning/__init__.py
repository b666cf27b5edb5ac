"""Learning the weights and the structure of graphical models from data."""
