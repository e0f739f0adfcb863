"""`python -m worker.check`: `{"model": …, "size": …, "save": …}` on standard input, what was found on standard output.

Settings, the catalogue among them, come from the environment, as a worker's do.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

from core import logs
from core.catalog.catalog import Catalog, CatalogError
from core.errors import EaselError
from core.settings import Settings
from worker.check.drawing import check_model


def main() -> int:
    """Answer one question; 0 unless it was interrupted."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    question = json.load(sys.stdin)
    settings = Settings.read()
    logs.configure(settings)
    logging.root.setLevel(logging.CRITICAL)  # a failed load is told in words, once
    size, save = question.get("size"), question.get("save")
    try:
        catalog = Catalog.load(settings.catalog)
        answer = check_model(
            catalog, question["model"], settings, size=tuple(size) if size else None, save=Path(save) if save else None
        )
    except EaselError as error:
        answer = {"error": {"message": error.message, "code": error.code}}
    except CatalogError as error:
        answer = {"error": {"message": str(error), "code": "catalog"}}
    except KeyboardInterrupt:
        return 130
    with answers:
        json.dump(answer, answers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
