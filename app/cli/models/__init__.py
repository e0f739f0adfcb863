"""What `easel models` does: what was named, what it is, the row that fits it, and the file that the row goes into."""
