"""The engine: one loop, the parts it runs, and the driver around it."""
