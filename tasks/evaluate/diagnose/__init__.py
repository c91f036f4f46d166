"""What an evaluation shows beyond its scores: where the classifier is weak, and what would help."""
