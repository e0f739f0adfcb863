"""What a check tells of a model beside its pictures."""

from __future__ import annotations

from core.catalog.catalog import Catalog
from core.settings import Settings
from worker.check.drawing import check_model


def test_settings_that_do_nothing_are_noted(catalog: Catalog) -> None:
    # Given a row with a setting that its sampler has, and one that none has
    row = catalog.model("sd15").evolve(scheduler_config={"timestep_spacing": "trailing", "spacing": "trailing"})
    written = catalog.evolve(models=(row,), default=row.id)
    # When it is checked
    told = check_model(written, "sd15", Settings(device="cpu"), size=(64, 64), save=None)
    # Then the one is named, and the pictures are looked at all the same
    assert told["notes"] == ["scheduler_config: no sampler has a setting 'spacing', so it does nothing"]
    assert told["size"] == [64, 64]
