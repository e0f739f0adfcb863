"""The native API, a file a noun. Every module here that has a `router` is served."""
