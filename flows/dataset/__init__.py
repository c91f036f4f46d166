"""Write the photos that a run kept, with classes and split, as a dataset for other programs."""
