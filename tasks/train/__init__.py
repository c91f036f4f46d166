"""The train stage: try recipes of a classifier from cheap to dear, and let validation choose."""
