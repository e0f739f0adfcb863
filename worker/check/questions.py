"""What `python -m worker.check` is asked."""

from __future__ import annotations

import logging
from pathlib import Path

from core import logs
from core.catalog.catalog import Catalog, CatalogError
from core.settings import Settings
from worker.answering import Answer, Question
from worker.check.drawing import check_model


def answer(question: Question) -> Answer:
    """What is asked of one model, by its name in the catalogue."""
    settings = Settings.read()
    logs.configure(settings)
    logging.root.setLevel(logging.CRITICAL)  # a failed load is told in words, once
    size, save = question.get("size"), question.get("save")
    try:
        catalog = Catalog.load(settings.catalog)
    except CatalogError as error:
        return {"error": {"message": str(error), "code": "catalog"}}
    return check_model(
        catalog, question["model"], settings, size=tuple(size) if size else None, save=Path(save) if save else None
    )
