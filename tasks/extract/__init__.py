"""The extract stage: compute each tile's features once."""
