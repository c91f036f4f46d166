"""Delete artifacts that are no longer needed and photos that must be removed; copy the data folder."""
