"""The seven stages, one module each; what they share is in `networks`, `sources` and `support`."""
