"""Continuous batching for unmodified pipelines: requests join a running batch between two steps."""
