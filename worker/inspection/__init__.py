"""Looks at what `easel models add` is given, in a process of its own: loads no weights, runs no code of a model."""
