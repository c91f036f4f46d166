"""The seven stages, a package each, and the libraries that they share."""
