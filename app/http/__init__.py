"""HTTP as every wire speaks it: bodies, errors, the OpenAPI text, tracing, and calls to other people's addresses."""
