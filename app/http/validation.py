"""What is wrong with a request, in words that say what would be right."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic_core import PydanticCustomError

from core.errors import InvalidRequest

MAX_SHOWN: Final = 60


class StrictInput(BaseModel):
    """Input from outside: no field we do not know, no conversion, no NaN."""

    model_config: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, document: object) -> object:
        unknown = [name for name in document if name not in cls.model_fields] if isinstance(document, dict) else []
        if unknown:
            name = str(unknown[0])
            parts = [field for field in cls.model_fields if name in field] if len(name) > 3 else []
            close = parts or get_close_matches(name, cls.model_fields, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"it takes {', '.join(cls.model_fields)}"
            raise PydanticCustomError("unknown_parameter", "{hint}", {"name": name[:MAX_SHOWN], "hint": hint})
        return document


def changes_of(name: str, whole: type[BaseModel], said: str) -> type[StrictInput]:
    """The model `name` of changes to a `whole`: its fields, each of which may be left out or null."""
    fields: dict[str, Any] = {}
    for field_name, field in whole.model_fields.items():
        kind: Any = Annotated[(field.annotation, *field.metadata, Field(json_schema_extra=field.json_schema_extra))]
        fields[field_name] = (kind | None, Field(default=None, description=field.description, examples=field.examples))
    return create_model(name, __base__=StrictInput, __doc__=said, **fields)


def shown(value: object) -> str:
    """`value` as JSON, cut short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


Phrase = Callable[[dict[str, Any], object], str]

PHRASES: Final[dict[str, Phrase]] = {
    "bool_type": lambda context, value: f"must be true or false, not {shown(value)}",
    "int_type": lambda context, value: f"must be an integer, not {shown(value)}",
    "int_parsing": lambda context, value: f"must be an integer, not {shown(value)}",
    "int_from_float": lambda context, value: f"must be an integer, not {shown(value)}",
    "bool_parsing": lambda context, value: f"must be true or false, not {shown(value)}",
    "float_parsing": lambda context, value: f"must be a number, not {shown(value)}",
    "float_type": lambda context, value: f"must be a number, not {shown(value)}",
    "finite_number": lambda context, value: "must be a finite number",
    "string_type": lambda context, value: f"must be a string, not {shown(value)}",
    "dict_type": lambda context, value: f"must be an object, not {shown(value)}",
    "model_type": lambda context, value: f"must be an object, not {shown(value)}",
    "model_attributes_type": lambda context, value: f"must be an object, not {shown(value)}",
    "enum": lambda context, value: f"must be one of {context['expected']}, not {shown(value)}",
    "greater_than_equal": lambda context, value: f"must be at least {context['ge']}, not {shown(value)}",
    "less_than_equal": lambda context, value: f"must be at most {context['le']}, not {shown(value)}",
    "string_too_short": lambda context, value: "must not be empty",
    "string_too_long": lambda context, value: (
        f"must have at most {context['max_length']} characters, not {len(str(value))}"
    ),
    "string_pattern_mismatch": lambda context, value: f"must match {context['pattern']}, not {shown(value)}",
    "too_long": lambda context, value: (
        f"must have at most {context['max_length']} entries, not {len(value) if isinstance(value, Sized) else 'more'}"
    ),
}

CODES: Final = {
    "missing": "missing_required_parameter",
    "unknown_parameter": "unknown_parameter",
    "unsupported_value": "unsupported_value",
}


def _sentence(kind: str, param: str, item: dict[str, Any]) -> str:
    context, value = item.get("ctx", {}), item.get("input")
    if kind == "missing":
        return f"'{param}' is required" if param else "the body is missing"
    if kind == "unknown_parameter":
        return f"there is no '{param}' here; {context['hint']}"
    subject = f"'{param}'" if param else "the body"
    if kind in PHRASES:
        return f"{subject} {PHRASES[kind](context, value)}"
    return f"{subject} {item['msg']}"


def as_body_error(error: ValidationError) -> RequestValidationError:
    """What is wrong with a body, told as if FastAPI had found it."""
    return RequestValidationError([{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors()])


@contextmanager
def named_as(names: Mapping[str, str]) -> Iterator[None]:
    """Whatever is refused inside is told in a client's own words: `names` are its names of our fields.

    Raises InvalidRequest in place of what pydantic finds.
    """
    try:
        yield
    except RequestValidationError as error:
        raise renamed(as_invalid_request(error), names) from error
    except InvalidRequest as error:
        raise renamed(error, names) from error


def renamed(error: InvalidRequest, names: Mapping[str, str]) -> InvalidRequest:
    """`error` with our fields' names replaced, in `param` and in the message."""
    if not names:
        return error
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    message = re.sub(rf"(?<![\w.-])({longest_first})(?![\w-]|\.\w)", lambda found: names[found[1]], error.message)
    return type(error)(message, code=error.code, param=names.get(error.param or "", error.param))


def as_invalid_request(error: RequestValidationError) -> InvalidRequest:
    """All that is wrong in the message; `param` and `code` are of the first."""
    sentences, params, codes = [], [], []
    for item in error.errors()[:5]:
        kind = item["type"]
        path = [str(part) for part in item["loc"][1:] if part != "[key]"]
        if item["loc"][0] == "header":
            path = ["-".join(word.capitalize() for word in path[0].split("-"))]
        if kind == "unknown_parameter":
            path.append(item["ctx"]["name"])
        params.append(".".join(path)[:200])
        sentences.append(_sentence(kind, params[-1], item))
        codes.append(CODES.get(kind, "invalid_type" if kind.endswith("_type") else "invalid_value"))
    return InvalidRequest("; ".join(sentences), code=codes[0], param=params[0] or None)
