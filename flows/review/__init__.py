"""`fluke review`: a local page on which a person settles the doubtful photos of a preset's filter."""
