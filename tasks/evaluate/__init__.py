"""The evaluate stage: measure the classifier on photos that no earlier stage used, and report the result."""
