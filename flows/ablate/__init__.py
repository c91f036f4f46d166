"""`fluke ablate`: compare arms, which differ in some settings, on the same photos, split and seeds."""
