"""How the bundled model was made, step by step. Imported by nothing outside this folder."""
