"""What is checked between the stages of a run, before anything expensive happens."""
