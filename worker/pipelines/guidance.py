"""What guides one request beside its words: the LoRAs, nets and pictures that it asks for, read and held for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.errors import JobFailure
from core.media import Guide
from core.tasks import CONTROL, REFERENCE
from worker.contract import DrawRequest
from worker.pipelines.adapters import Adapters, Loras
from worker.pipelines.arguments import guides_of
from worker.pipelines.controlled import Controls
from worker.pipelines.describers import Describer, among_words
from worker.pipelines.image_adapters import ImageAdapter
from worker.pipelines.loaded_model import LoadedModel
from worker.pipelines.row_guides import Asked

References = tuple[tuple[int, ImageAdapter, Guide], ...]
"""Pictures that an adapter reads, by their place among those of the role `reference`."""


Words = tuple[tuple[int, Describer, Guide], ...]
"""Pictures that are put into words, by their place."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """Of one request. `adapters` are those of its model, None where there are none."""

    adapters: Adapters | None = None
    loras: Loras = ()
    controls: Controls = ()
    references: References = ()
    words: Words = ()

    @property
    def modules(self) -> tuple[tuple[str, Any], ...]:
        """Those that are called beside the model's own, each with what diffusers calls such a component."""
        nets = [(net.component, net.module) for net, _ in self.controls]
        return (*nets, *(("image_encoder", adapter.encoder) for _, adapter, _ in self.references))

    def asked(self, pipeline: Any, request: DrawRequest) -> Asked:  # noqa: ANN401 - any diffusers pipeline
        """What the rows of `request` ask for, which encodes its pictures."""
        if self.adapters is None or not self.references:
            return Asked(everywhere=self.loras)
        prompted, unprompted = [], []
        pictures = request.inputs.get(REFERENCE.name, ())
        for place, adapter, guide in self.references:
            if place >= len(pictures):
                raise JobFailure("a reference picture is gone", code="input_missing")
            prompted.append((self.adapters.images.tokens(adapter, pictures[place]), guide.weight))
            unprompted.append((self.adapters.images.tokens(adapter, None), guide.weight))
        return Asked(
            everywhere=self.loras,
            prompted=tuple(prompted),
            unprompted=tuple(unprompted),
            guided=lambda: bool(pipeline.do_classifier_free_guidance),
        )

    def with_words(
        self,
        pipeline: Any,  # noqa: ANN401 - any diffusers pipeline
        request: DrawRequest,
        arguments: dict[str, Any],
        note: Callable[[str], None],
    ) -> dict[str, Any]:
        """`arguments` with the prompt among the words for the pictures; `note` is told which these are.

        Called inside the request's fiber: text encoders may park it.
        """
        if not self.words:
            return arguments
        pictures, said = request.inputs.get(REFERENCE.name, ()), []
        for place, describer, guide in self.words:
            if place >= len(pictures):
                raise JobFailure("a reference picture is gone", code="input_missing")
            text = describer.words_for(pictures[place])
            said.append((text, guide.weight))
            note(f"reference {place} was taken for: {text}")
        return among_words(pipeline, arguments, said)


def guidance_of(model: LoadedModel, request: DrawRequest) -> Guidance:
    """What `request` asks for, read now if need be. Raises JobFailure where it cannot be had."""
    loras, controls, references = (
        request.request.adapters,
        guides_of(request, CONTROL.name),
        guides_of(request, REFERENCE.name),
    )
    through = [(place, guide) for place, guide in enumerate(references) if guide.adapter is not None]
    if not (loras or controls or through):
        return Guidance()
    if model.adapters is None:
        raise JobFailure(
            f"model '{model.row.id}' takes no adapters: {type(model.pipeline).__name__} has no loader for them",
            code="adapter_not_fitting",
        )
    adapters = model.adapters
    seen = [(place, guide) for place, guide in through if not adapters.is_describer(guide.adapter or "")]
    told = [each for each in through if each not in seen]
    guidance = Guidance(
        adapters,
        adapters.loras(loras),
        tuple((adapters.controls.get(guide.adapter or ""), guide) for guide in controls),
        tuple((place, adapters.images.get(guide.adapter or ""), guide) for place, guide in seen),
        tuple((place, adapters.describers.get(guide.adapter or ""), guide) for place, guide in told),
    )
    adapters.controls.make_room(len(controls))
    adapters.images.make_room(len(seen))
    return guidance
