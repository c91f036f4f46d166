"""Explanations of a classifier: class activation maps, feature maps, and images that activate channels."""
