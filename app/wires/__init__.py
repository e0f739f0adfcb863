"""Other spellings of the same requests: a folder a wire.

Every folder here is served. Its package names the `routers`, and if need be the `middleware` that a request meets
before all else, and before anybody has asked who sent it: classes of ASGI middleware that need no arguments.
"""
