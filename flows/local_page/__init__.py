"""A page on a port of this machine, for the person who started it: what `fluke review` and `fluke open` share."""
