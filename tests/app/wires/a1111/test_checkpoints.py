"""Checkpoints are models that draw: no network is listed, chosen or drawn with as one."""

from __future__ import annotations

import httpx

from core.settings import Settings
from tests.app.conftest import serving
from tests.app.wires.a1111.enlarging import ROWS


def test_a_network_is_no_checkpoint(settings: Settings) -> None:
    settings.catalog.write_text(ROWS)
    with serving(settings) as server:
        titles = [row["title"] for row in httpx.get(f"{server}/sdapi/v1/sd-models").json()]
        chosen = httpx.post(f"{server}/sdapi/v1/options", json={"sd_model_checkpoint": "up2"})
        drawn = httpx.post(f"{server}/sdapi/v1/txt2img", json={"override_settings": {"sd_model_checkpoint": "teller"}})
        views = {row["id"]: row["scale"] for row in httpx.get(f"{server}/v1/models").json()["data"]}

    assert titles == ["mini", "flux-tiny"]
    for refused in (chosen, drawn):
        error = refused.json()["error"]
        assert (refused.status_code, error["param"]) == (400, "sd_model_checkpoint")
        assert "draws nothing" in error["message"]
    assert views == {"mini": None, "flux-tiny": None, "up2": 2, "up4": 4, "teller": None}
