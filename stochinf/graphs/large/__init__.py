"""Very large graphs: order in memory, weights of few bits, many small components, threads that share chains."""
