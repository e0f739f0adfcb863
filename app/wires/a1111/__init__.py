"""The AUTOMATIC1111 wire (`/sdapi/v1`, `/controlnet`), as far as its clients need it, translated to and from jobs."""

from __future__ import annotations

from typing import Final

from app.wires.a1111 import control_listings, drawings, extras, listings

routers: Final = (drawings.router, extras.router, listings.router, control_listings.router)
