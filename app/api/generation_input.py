"""The body of POST /v1/generations: what every job has, and beside it the parameters of every task, each optional."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from app.api.job_options import MAX_PROMPT_CHARS, JobOptions
from app.http.bodies import Files
from app.http.validation import StrictInput
from app.jobs.adapters import AdaptersInput
from app.jobs.fields import words_schema
from app.jobs.guide_fields import GuidesInput
from app.jobs.picture_fields import Pictures
from app.jobs.request import JobRequest
from app.jobs.sources import InlineFile, OpenedFile, Source
from core.tasks import GUIDES, all_tasks, starting_roles
from core.tasks.text import at_most

FORMATS: Final = {each.name: each for task in all_tasks().values() for each in task.medium.formats}
QUALITY_NEEDS_LOSS: Final[dict[str, Any]] = {
    "anyOf": [
        {
            "required": ["format"],
            "properties": {"format": {"enum": sorted(name for name, each in FORMATS.items() if not each.lossless)}},
        },
        {"properties": {"quality": {"type": "null"}}},
    ]
}


class OutputInput(StrictInput):
    """The file asked for."""

    model_config = ConfigDict(json_schema_extra=QUALITY_NEEDS_LOSS)

    format: str | None = Field(
        default=None,
        max_length=32,
        description="One of the task's formats; its first if unset.",
        json_schema_extra={"enum": [*FORMATS, None]},
    )
    quality: int | None = Field(
        default=None, ge=1, le=100, description="For formats that lose something, such as JPEG and WebP."
    )


if TYPE_CHECKING:
    InputsInput = GuidesInput
else:
    InputsInput = create_model(
        "InputsInput",
        __base__=GuidesInput,
        __module__=__name__,
        __doc__="The pictures that a job starts from, by what they are to it.",
        **{
            role: (Pictures | None, Field(default=None, description=f"The {role} to start from."))
            for role in starting_roles()
        },
    )


class JobInput(JobOptions):
    """What can be said of every generation, whatever the task."""

    task: str | None = Field(
        default=None,
        max_length=64,
        description="One of the model's tasks. Unset: the one that takes the inputs that came.",
    )
    model: str | None = Field(default=None, max_length=64, description="A model of GET /v1/models.")
    style: str | None = Field(
        default=None, max_length=64, description="One of the model's `styles`: it is put into the prompt."
    )
    inputs: InputsInput = Field(
        default=InputsInput(),
        description="The pictures to start from, by role: `image`; `mask`, white where it is drawn anew; and those "
        "that guide the model beside the words: `control`, `reference`.",
    )
    adapters: AdaptersInput = Field(default=AdaptersInput(), description="What guides the model beside the words.")
    output: OutputInput = Field(default=OutputInput(), description="The files' format.")
    prompt_parameters: bool = Field(
        default=False,
        description="Whether the prompt is written as Midjourney's are: pictures first, `a cat::2 a dog`, `--ar 16:9`, "
        "`{a, b}` for several jobs in a group. docs/midjourney.md says what each parameter does.",
    )

    def sources(self, files: Files) -> dict[str, tuple[Source, ...]]:
        """Where its inputs come from, by role: what it names, and the `files` that came along."""
        came = {role: tuple(InlineFile(content) for content in contents) for role, contents in files.items()}
        guides = {role.name: tuple(self.inputs.guide_sources(role.name, came.pop(role.name, ()))) for role in GUIDES}
        named = {role: getattr(self.inputs, role) or () for role in InputsInput.model_fields if role not in guides}
        sources = {role: (*named.get(role, ()), *came.get(role, ())) for role in (*named, *came)}
        return {role: given for role, given in (sources | guides).items() if given}

    def wanted(self, opened: Mapping[str, Sequence[OpenedFile]], fingerprint: str) -> JobRequest:
        """What it asks for, with its files opened."""
        guides = [role.name for role in GUIDES]
        wanted = [each for role in guides for each in self.inputs.wanted_guides(role, opened.get(role, ()))]
        return JobRequest(
            task=self.task,
            model=self.model,
            style=self.style,
            loras=self.adapters.wanted(),
            lora_tags=self.adapters.tags,
            needs_words=True,
            parameters={name: getattr(self, name) for name in parameter_fields()},
            inputs={role: files for role, files in opened.items() if role not in guides},
            guides=wanted,
            format=self.output.format,
            quality=self.output.quality,
            fingerprint=fingerprint,
            **self.options(),
        )


def parameter_fields() -> dict[str, FieldInfo]:
    """The fields of all tasks' parameters by name; the first task that has a name says what it is."""
    found: dict[str, FieldInfo] = {}
    for task in all_tasks().values():
        for name, info in task.parameters.model_fields.items():
            found.setdefault(name, info)
    return found


def _given(name: str, info: FieldInfo) -> Any:  # noqa: ANN401 - a type, made at run time
    """The field as a request gives it: it may leave out what not every task needs."""
    kind: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    if info.annotation is str:
        words = {"maxLength": MAX_PROMPT_CHARS} | (words_schema(MAX_PROMPT_CHARS) if info.is_required() else {})
        kind = Annotated[kind, AfterValidator(at_most(MAX_PROMPT_CHARS)), Field(json_schema_extra=words)]
    elif info.json_schema_extra is not None:
        kind = Annotated[kind, Field(json_schema_extra=info.json_schema_extra)]
    needed = all(name in fields and fields[name].is_required() for fields in _fields_by_task())
    if needed and info.annotation is str:  # sizes and the like are the model's to say
        return (kind, Field(description=info.description, examples=info.examples))
    return (kind | None, Field(default=None, description=info.description, examples=info.examples))


def _fields_by_task() -> list[dict[str, FieldInfo]]:
    return [task.parameters.model_fields for task in all_tasks().values()]


if TYPE_CHECKING:
    GenerationInput = JobInput
else:
    ParametersInput = create_model(
        "ParametersInput",
        __base__=StrictInput,
        __module__=__name__,
        **{name: _given(name, info) for name, info in parameter_fields().items()},
    )
    GenerationInput = create_model(
        "GenerationInput",
        __base__=(JobInput, ParametersInput),
        __doc__="A generation to make. Most need `prompt` only; the model's catalogue row has the other defaults.",
        __module__=__name__,
    )
