"""What search engines have in common: how each is asked, and how its answers are read."""
