"""What schemathesis sends: pictures where the document asks for them, and only what goes together in one request."""

from __future__ import annotations

import base64
import re
import zlib
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode, openapi

from core.schedulers import NoiseSchedule
from tests.app.media.hostile import chunk, png_of

PNG = png_of(1, 1, chunk(b"IDAT", zlib.compress(b"\0\0")))

openapi.format("picture", st.just(f"data:image/png;base64,{base64.b64encode(PNG).decode()}"))
openapi.format("binary", st.just(schemathesis.openapi.Binary(PNG) if hasattr(schemathesis.openapi, "Binary") else PNG))

TEXTS = ("prompt", "negative_prompt", "model", "style")
SYNTAX = re.compile(r"[{}\\:—-]")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Which noise schedules a sampler takes is said by GET /v1/models; a schema of one field cannot say it."""
    if isinstance(case.body, dict) and case.body.get("noise_schedule") in [each.value for each in NoiseSchedule]:
        case.body["noise_schedule"] = NoiseSchedule.AUTOMATIC.value


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """A prompt with parameters is a text in a language of its own, which the schema of a string cannot say."""
    if isinstance(body, dict) and isinstance(body.get("prompt"), str):
        if context.operation.path == "/v1/groups" or body.get("prompt_parameters"):
            return {**body, "prompt": SYNTAX.sub("x", body["prompt"])}
    return body


def is_wrong(case: Any) -> bool:
    """Whether it is meant to be refused."""
    return case.meta is not None and case.meta.generation.mode is GenerationMode.NEGATIVE


def is_fit(body: dict[str, Any]) -> bool:
    """Whether it is a form that means something after all: what one of its alternatives forbids another one allows."""
    prompt = body.get("prompt")
    return isinstance(prompt, str) and bool(prompt.strip()) and set(body) in ({"prompt"}, {"prompt", "image"})


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """In forms all is text, and a list is one, too; and no form that fits is to be refused.

    No prompt in other letters than ASCII's: the schema's pattern is narrower than the rule, which takes them.
    """
    body = case.body if isinstance(case.body, dict) else {}
    if "multipart" in str(case.media_type) and is_wrong(case):
        if any(isinstance(body.get(name), list | dict) for name in TEXTS) or is_fit(body):
            return False
    prompt = body.get("prompt")
    return not isinstance(prompt, str) or not prompt.strip() or bool(re.search(r"[!-~]|\x00", prompt))
