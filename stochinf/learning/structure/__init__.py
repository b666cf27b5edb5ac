"""Structure from data: Ising and Potts models of sequences and of binary rows."""
