"""What of a prompt a pipeline does not read: its tokenizers are listened to while it draws, whichever it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from transformers import PreTrainedTokenizerBase

NAMES: Final = ("prompt", "negative_prompt")
SHOWN_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a tokenizer came in a prompt: `kept` of `total` tokens, and the text that it left."""

    kept: int
    total: int
    unread: str = ""


@dataclass(slots=True)
class Readings:
    """How far the tokenizers of one call came in each of its prompts; the one that came furthest counts."""

    prompts: Mapping[str, str]
    furthest: dict[str, Reading] = field(default_factory=dict)

    def heard(self, tokenizer: Any, text: Any, arguments: Mapping[str, Any]) -> None:  # noqa: ANN401
        """A tokenizer has been called with `text`, one or several, and cut what is too long for it."""
        for each in [text] if isinstance(text, str) else text:
            for name, prompt in self.prompts.items():
                reading = reading_of(tokenizer, each, prompt, arguments)
                if reading is not None and len(reading.unread) < len(self._before(name, prompt)):
                    self.furthest[name] = reading

    def _before(self, name: str, prompt: str) -> str:
        known = self.furthest.get(name)
        return prompt + " " if known is None else known.unread


@contextmanager
def reading(pipeline: Any, arguments: Mapping[str, Any], note: Callable[[str], None]) -> Iterator[None]:  # noqa: ANN401
    """Around a call of `pipeline`, an object of the request's own: tells `note` which text was not read."""
    prompts = {name: arguments[name] for name in NAMES if isinstance(arguments.get(name), str) and arguments[name]}
    readings = Readings(prompts)
    stock = {name: part for name, part in vars(pipeline).items() if isinstance(part, PreTrainedTokenizerBase)}
    if prompts:
        vars(pipeline).update({name: listening(tokenizer, readings) for name, tokenizer in stock.items()})
    try:
        yield
    finally:
        vars(pipeline).update(stock)
    for name, reading in readings.furthest.items():
        if reading.unread.strip():
            note(shortened(name, reading.kept, reading.total, reading.unread))


def shortened(name: str, kept: int, total: int, unread: str) -> str:
    """What is told of a prompt that was cut."""
    words = " ".join(unread.split())
    rest = words if len(words) <= SHOWN_CHARS else words[:SHOWN_CHARS].rstrip() + "…"
    return f"the {name.replace('_', ' ')} was cut after {kept} of {total} tokens: '{rest}' was not read"


def listening(tokenizer: Any, readings: Readings) -> Any:  # noqa: ANN401
    """A tokenizer that does what `tokenizer` does and tells `readings` of it; they share all that they hold."""
    stock: Any = type(tokenizer)
    kind: Any = listening_kind(stock)
    twin = object.__new__(kind)
    vars(twin).update(vars(tokenizer), easel_told=(readings, tokenizer))
    return twin


@cache
def listening_kind(stock: Any) -> Any:  # noqa: ANN401 - a class
    """A class of its own for each kind of tokenizer, so that pipelines find the kind that they look for."""

    def called(self: Any, text: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the stock signature
        if text is not None and kwargs.get("truncation"):
            readings, tokenizer = vars(self)["easel_told"]
            readings.heard(tokenizer, text, kwargs)
        return stock.__call__(self, text, *args, **kwargs)

    return type(stock.__name__, (stock,), {"__call__": called})


def reading_of(tokenizer: Any, text: str, prompt: str, arguments: Mapping[str, Any]) -> Reading | None:  # noqa: ANN401
    """How far a call of `tokenizer` comes in `prompt`, where `text` has it: a pipeline may put words around it.

    None where the prompt is not in it. Pipelines that write small letters are understood.
    """
    words = prompt.strip()
    start = text.lower().find(words.lower())
    if start < 0:
        return None
    if not words or not getattr(tokenizer, "is_fast", False):
        return reading_by_ids(tokenizer, text, words, arguments)
    special = arguments.get("add_special_tokens", True)
    found = tokenizer(
        text, add_special_tokens=special, return_offsets_mapping=True, return_special_tokens_mask=True, verbose=False
    )
    marks = zip(found["offset_mapping"], found["special_tokens_mask"], strict=True)
    offsets = [offset for offset, is_special in marks if not is_special]
    room = room_of(tokenizer, arguments) - (len(found["input_ids"]) - len(offsets))
    end = start + len(words)
    mine = [begin for begin, stop in offsets if start < stop and begin < end]
    if len(offsets) <= room or (cut := max(offsets[room][0], start)) >= end:
        return Reading(len(mine), len(mine))
    return Reading(sum(begin < cut for begin in mine), len(mine), text[cut:end])


def reading_by_ids(tokenizer: Any, text: str, prompt: str, arguments: Mapping[str, Any]) -> Reading:  # noqa: ANN401
    """The same of a tokenizer that does not know where in the text its tokens stand."""
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    room = room_of(tokenizer, arguments)
    if arguments.get("add_special_tokens", True):
        room -= tokenizer.num_special_tokens_to_add()
    return Reading(min(room, len(ids)), len(ids), tokenizer.decode(ids[room:]) if len(ids) > room else "")


def room_of(tokenizer: Any, arguments: Mapping[str, Any]) -> int:  # noqa: ANN401
    """Tokens that a call of it keeps, with those that begin and end a text."""
    return int(arguments.get("max_length") or tokenizer.model_max_length)
