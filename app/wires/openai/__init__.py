"""The OpenAI wire, translated to and from jobs. Nothing else knows it."""

from __future__ import annotations

from typing import Final

from app.wires.openai import edits, generations
from app.wires.openai.bare import BarePaths

routers: Final = (generations.router, edits.router)
middleware: Final = (BarePaths,)
