"""Many photos to one table, and to pictures that show what was found."""
