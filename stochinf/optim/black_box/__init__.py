"""Rules that ask for values alone; public in `stochinf.optim`."""
