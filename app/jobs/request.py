"""What a wire asks for, in the task's own words, and how it becomes a request with every default filled in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from app.http.validation import as_body_error, shown
from app.jobs.adapters import WantedLora, chosen_adapters
from app.jobs.guides import ChosenGuide, WantedGuide, chosen_guides
from app.jobs.sources import OpenedFile
from core.catalog.catalog import Catalog
from core.catalog.default_aliases import model_meant
from core.catalog.model import Model
from core.errors import InvalidRequest
from core.jobs import Adapter, GenerationRequest, Priority, seeds_for
from core.lora_tags import without_tags
from core.media import Facts, Output
from core.tasks import CONTROL, REFERENCE, Parameters, Task, implied_task, task_named


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """One generation as a client wants it. Whatever is None or left out of `parameters` is the model's to say.

    `inputs` are opened files by role, `guides` those that guide the model beside the words; `format` is
    one of the task's medium, its first if unset; `style` is one of the
    model's ways to put a prompt; `fingerprint` is equal for equal calls; with
    `lora_tags` the prompt names LoRAs too; with `needs_words` it may not be empty where no picture says what to draw;
    `notes` say what of the call was understood otherwise than it was put; `origin` is what drew the picture that is
    changed without words. A `seed` of -1 is a random one.
    """

    parameters: Mapping[str, Any]
    fingerprint: str
    task: str | None = None
    model: str | None = None
    style: str | None = None
    loras: Sequence[WantedLora] = ()
    lora_tags: bool = False
    needs_words: bool = False
    inputs: Mapping[str, Sequence[OpenedFile]] = field(default_factory=dict)
    guides: Sequence[WantedGuide] = ()
    seed: int | None = None
    n: int = 1
    format: str | None = None
    quality: int | None = None
    priority: Priority = Priority.NORMAL
    expires_in: float | None = None
    store: bool = True
    webhook: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    origin: GenerationRequest | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request that some model of this server can do: everything but its inputs' files is fixed."""

    task: Task
    model: Model
    parameters: Parameters
    adapters: tuple[Adapter, ...]
    guides: tuple[ChosenGuide, ...]
    seeds: tuple[int, ...]
    output: Output


def fingerprint_of(call: str, document: Mapping[str, Any], digests: Sequence[str] = ()) -> str:
    """Equal for equal calls, however they were spelled: the route, its fields, and digests of files that came along."""
    canonical = json.dumps([call, document, *digests], sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def resolve(wanted: JobRequest, catalog: Catalog) -> Resolved:
    """Fill in the model's defaults and fix the seeds. Raises NotFound or InvalidRequest, naming the field."""
    wanted = with_tags_read(wanted) if wanted.lora_tags else wanted
    task, model = task_and_model(wanted, catalog)
    _check_roles(task, wanted.inputs)
    facts = _facts(wanted, task)
    parameters = _parameters(wanted, task, model, facts)
    guides = chosen_guides(wanted.guides, task, model, catalog)
    if wanted.needs_words:
        _check_words(parameters, guides)
    pictures = sum(len(wanted.inputs[role.name]) for role in task.roles if role.mode == "RGB")
    pictures += sum(each.guide.adapter is None for each in guides)
    task.check(model, parameters, wanted.n, pictures)
    parameters.check_inputs(model, facts, wanted.n)
    adapters = chosen_adapters(wanted.loras, model, catalog)
    return Resolved(task, model, parameters, adapters, guides, seeds_for(wanted.seed, wanted.n), _output(wanted, task))


def task_and_model(wanted: JobRequest, catalog: Catalog) -> tuple[Task, Model]:
    """What it asks for, and of whom. Raises NotFound or InvalidRequest."""
    task = task_named(wanted.task) if wanted.task else implied_task(wanted.inputs)
    return task, _model(wanted.model, task, catalog)


def with_tags_read(wanted: JobRequest) -> JobRequest:
    """`wanted` with the LoRAs that tags in its prompt name, and without the tags."""
    prompt, tags = without_tags(str(wanted.parameters.get("prompt") or ""))
    named = [WantedLora(tag.name, tag.weight, "prompt") for tag in tags]
    return replace(wanted, parameters={**wanted.parameters, "prompt": prompt}, loras=[*wanted.loras, *named])


def _check_roles(task: Task, inputs: Mapping[str, Sequence[OpenedFile]]) -> None:
    for role in task.roles:
        count = len(inputs.get(role.name, ()))
        if count == 0:
            raise InvalidRequest(
                f"'inputs.{role.name}' is required for {task.name}",
                code="missing_required_parameter",
                param=f"inputs.{role.name}",
            )
        if count > role.most:
            raise InvalidRequest(
                f"'inputs.{role.name}' has {count} files, and {task.name} takes {role.most}",
                param=f"inputs.{role.name}",
            )
    known = {role.name for role in task.roles}
    surplus = next((name for name in inputs if name not in known), None)
    if surplus is not None:
        raise InvalidRequest(f"{task.name} takes no 'inputs.{surplus}'", param=f"inputs.{surplus}")


def _check_words(parameters: Parameters, guides: Sequence[ChosenGuide]) -> None:
    """Raise InvalidRequest for an empty prompt where no picture says what to draw either."""
    prompt = getattr(parameters, "prompt", None)
    if prompt is not None and not prompt.strip() and all(each.role != REFERENCE.name for each in guides):
        raise InvalidRequest("'prompt' must say what to draw; it is empty", param="prompt")


def _model(name: str | None, task: Task, catalog: Catalog) -> Model:
    """The one that is named; else the default, but for tasks that have to be named: those are not every model's."""
    if name:
        return model_meant(name, task.name, catalog)
    return catalog.model(None) if task.implied or task.builds_on else catalog.model_for(task.name)


def _facts(wanted: JobRequest, task: Task) -> dict[str, list[Facts]]:
    """What is known of the files that it starts from, by role."""
    facts = {role.name: [opened.facts for opened in wanted.inputs[role.name]] for role in task.roles}
    facts[CONTROL.name] = [each.opened.facts for each in wanted.guides if each.role == CONTROL.name]
    return facts


def _parameters(wanted: JobRequest, task: Task, model: Model, facts: Mapping[str, Sequence[Facts]]) -> Parameters:
    given = {name: value for name, value in wanted.parameters.items() if value is not None}
    foreign = next((name for name in given if name not in task.parameters.model_fields), None)
    if foreign is not None:
        raise InvalidRequest(f"'{foreign}' means nothing for {task.name}: leave it out", param=foreign)
    if "prompt" in task.parameters.model_fields and any(each.role == REFERENCE.name for each in wanted.guides):
        given.setdefault("prompt", "")
    if wanted.style is not None:
        given["prompt"] = model.in_style(given.get("prompt", ""), wanted.style)
    try:
        return task.parameters.model_validate({**task.parameters.defaults(model, facts), **given})
    except ValidationError as error:
        raise as_body_error(error) from error


def _output(wanted: JobRequest, task: Task) -> Output:
    kind = task.medium.format(wanted.format)
    if kind is None:
        *others, last = [f"'{each.name}'" for each in task.medium.formats]
        offered = f"one of {', '.join(others)} or {last}" if others else last
        raise InvalidRequest(
            f"'output.format' must be {offered}, not {shown(wanted.format)}: it is what {task.name} makes",
            param="output.format",
        )
    if wanted.quality is not None and kind.lossless:
        lossy = " or ".join(f"'{each.name}'" for each in task.medium.formats if not each.lossless)
        raise InvalidRequest(
            f"'output.quality' {wanted.quality} does not fit format '{kind.name}', which is lossless: "
            f"leave it out, or ask for {lossy}",
            param="output.quality",
        )
    return Output(format=kind.name, quality=wanted.quality)
