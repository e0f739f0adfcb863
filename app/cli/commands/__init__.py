"""The commands of `easel`, one file a noun."""
