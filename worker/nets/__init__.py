"""Small networks that diffusers does not have: they enlarge pictures, cut them out, and say what is on them."""
