"""The page on which a person labels photos that have no class yet, the most useful first (`fluke label`)."""
