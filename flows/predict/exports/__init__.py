"""`fluke export`: a model as a folder that other programs can use without fluke."""
