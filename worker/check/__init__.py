"""Loads one model as a worker would, draws with it, and says what is wrong: `easel models check`."""
