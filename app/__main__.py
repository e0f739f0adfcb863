"""`python -m app`: the api as a process."""

from __future__ import annotations

import logging
import sys

from app.server import serve
from core import logs
from core.settings import Settings


def main() -> int:
    """Serve until told to stop; the exit status, 2 for settings that cannot be read."""
    try:
        settings = Settings.read()
        logs.configure(settings)
        if settings.log_level == "INFO":
            logging.getLogger("uvicorn").setLevel(logging.WARNING)  # it says in five lines what we say in one
        serve(settings)
    except ValueError as error:
        sys.stderr.write(f"easel api: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
