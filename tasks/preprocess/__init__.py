"""The preprocess stage: turn each kept photo into a square tile."""
