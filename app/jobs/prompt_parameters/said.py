"""What the parameters of a prompt say, whatever the model: read, bounded, and each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from app.jobs.prompt_parameters.pictures import NamedPicture
from app.jobs.prompt_parameters.refusals import refused
from app.jobs.prompt_parameters.spelling import SpelledParameter
from app.jobs.prompt_parameters.values import NOTED, OTHERS, READERS, Reader, unknown
from core.jobs import Priority

SEVERAL: Final = frozenset({"no", "sref"})
"""Those that add up where they come more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Each parameter that is there; None for those that are not. `spelled` has them as they stand in the prompt."""

    ratio: tuple[int, int] | None = None
    seed: int | None = None
    no: tuple[str, ...] = ()
    chaos: int | None = None
    stylize: float | None = None
    weird: int | None = None
    raw: bool | None = None
    style: str | None = None
    tiling: bool | None = None
    iw: float | None = None
    sref: tuple[NamedPicture, ...] = ()
    sw: float | None = None
    quality: float | None = None
    draft: bool | None = None
    repeat: int = 1
    priority: Priority | None = None
    spelled: dict[str, str] = field(default_factory=dict)
    theirs: tuple[str, ...] = ()
    """Those that mean something at Midjourney only, and do no harm here."""

    def name(self, of: str) -> str:
        """How the parameter stands in the prompt that the field `of` comes from."""
        return self.spelled.get(of, f"--{of}")


NAMES: Final = frozenset({*READERS, *OTHERS, *NOTED})
"""All names that are understood, be it to refuse them."""


def said_by(parameters: Sequence[SpelledParameter]) -> Said:
    """What they say together. Raises InvalidRequest, naming the parameter, its value and what would be right."""
    said, theirs = Said(), set[str]()
    for parameter in parameters:
        if parameter.name in OTHERS:
            raise refused(f"'{parameter}' is not done here: {OTHERS[parameter.name]}", code="unsupported_value")
        if parameter.name in NOTED:
            if parameter.name in theirs:
                raise refused(f"'{parameter}' comes twice: leave one of them out")
            theirs.add(parameter.name)
            said = replace(said, theirs=(*said.theirs, f"'{parameter}' {NOTED[parameter.name]}"))
            continue
        reader = READERS.get(parameter.name)
        if reader is None:
            raise unknown(parameter)
        said = _with(said, parameter, reader)
    return said


def _with(said: Said, parameter: SpelledParameter, reader: Reader) -> Said:
    into, value = reader(parameter)
    before = getattr(said, into)
    if into in said.spelled and into not in SEVERAL:
        raise refused(f"'{said.spelled[into]}' and '{parameter}' say the same thing twice: leave one of them out")
    together = (*before, *value) if into in SEVERAL else value
    words = f"{said.spelled[into]} {parameter}" if into in said.spelled else str(parameter)
    changes: dict[str, Any] = {into: together, "spelled": {**said.spelled, into: words}}
    return replace(said, **changes)
