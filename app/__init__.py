"""The HTTP side: requests in, webhooks out. Never imports the worker, torch or diffusers."""
