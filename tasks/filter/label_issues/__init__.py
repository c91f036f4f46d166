"""Find label issues: photos that look unlike their class (outliers), and photos with a probably wrong label."""
