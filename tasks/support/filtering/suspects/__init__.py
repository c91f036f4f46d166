"""Photos that look out of place: unlike the rest of their class, or like another class; judged from an embedding."""
