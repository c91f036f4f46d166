"""The models of a data folder: which is used under each name, and what was decided about the others."""
