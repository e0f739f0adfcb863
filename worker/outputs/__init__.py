"""Files of finished artifacts: a file a medium."""
