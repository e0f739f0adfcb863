"""The model catalogue: rows and the file they stand in."""
