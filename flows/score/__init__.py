"""Score a model on labelled photos that are not those of its own evaluation."""
