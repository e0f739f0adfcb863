"""The OpenAI wire, translated to and from jobs. Nothing else knows it."""
