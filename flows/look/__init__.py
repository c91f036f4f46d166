"""Look into a network: what its layers make of one photo, and which patterns they respond to."""
