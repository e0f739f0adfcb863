"""What schemathesis sends where the document asks for a picture: one."""

from __future__ import annotations

import base64
import zlib

import schemathesis
from hypothesis import strategies as st
from schemathesis import openapi

from tests.app.media.hostile import chunk, png_of

PNG = png_of(1, 1, chunk(b"IDAT", zlib.compress(b"\0\0")))

openapi.format("picture", st.just(f"data:image/png;base64,{base64.b64encode(PNG).decode()}"))
openapi.format("binary", st.just(schemathesis.openapi.Binary(PNG) if hasattr(schemathesis.openapi, "Binary") else PNG))
