"""The extract stage: compute the features of each photo's tile once."""
