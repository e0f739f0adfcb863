"""What tests of enlarging begin with: a catalogue with networks, and a worker whose pictures can be read."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
from PIL import Image

from tests.app.conftest import MODELS
from tests.app.wires.openai.files import file_of, plain

NETWORKS = """
[up2]
source = "up2.safetensors"
family = "upscaler"
scale = 2

[up4]
source = "up4.safetensors"
family = "upscaler"
scale = 4
aliases = ["R-ESRGAN 4x+"]

[teller]
source = "describer.safetensors"
family = "describer"
"""

ROWS = MODELS + NETWORKS
DRAWN = file_of(plain(256, 256))
GIVEN = base64.b64encode(file_of(plain(300, 200))).decode()


def jobs_of(server: str) -> list[dict[str, Any]]:
    """Every job there is, the oldest first."""
    listed: list[dict[str, Any]] = httpx.get(f"{server}/v1/generations?limit=100").json()["data"]
    return listed[::-1]


def size_of(image: str) -> tuple[int, int]:
    """Of a picture in base64."""
    return Image.open(io.BytesIO(base64.b64decode(image))).size
