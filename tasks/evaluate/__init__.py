"""The evaluate stage: measure the classifier on photos that no earlier stage has used."""
