"""Delete what is not needed any more, and photos that must go."""
