"""Formats of datasets, one module each. A format says where a photo's file lies, and writes the files beside them."""
