"""Other spellings of the same requests: a folder a wire."""
