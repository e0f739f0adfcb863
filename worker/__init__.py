"""The GPU side: resident pipelines, one engine, RQ slots. Never imports FastAPI or calls a user's URL."""
