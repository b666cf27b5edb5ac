"""Static graphs as machine code, by LLVM."""
