"""Files in which annotation tools say which class a photo has; a module for each format."""
