"""The filter: what is looked at in a photo, what is judged, and who goes into which split."""
