"""What of a job is searched: a field of its own record, which goes with it; no index holds a word of a prompt."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from core.jobs import GenerationRequest


def folded(text: str) -> str:
    """`text` as it is compared: one spelling, no case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def search_fields(request: GenerationRequest) -> dict[str, str]:
    """What of a job is searched. One that has no prompt is found by the words of what it was made of."""
    said: Mapping[str, Any] = request.parameters.__dict__
    prompts = [str(said[name]) for name in ("prompt", "negative_prompt") if said.get(name)]
    fields = {"words": folded("\n".join([request.model, *prompts]))}
    if not said.get("prompt") and request.parents:
        fields["parents"] = " ".join(dict.fromkeys(parent.generation for parent in request.parents))
    return fields
