"""The filter stage: reject bad photos, group near duplicates, and assign the splits."""
