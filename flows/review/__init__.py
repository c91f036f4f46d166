"""`fluke review`: a local page on which a person reviews the photos that a preset's filter doubts."""
