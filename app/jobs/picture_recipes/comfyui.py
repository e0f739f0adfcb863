"""ComfyUI's way to write a recipe: the graph of nodes that drew the picture, as its API takes it.

A graph is `{id: {"class_type", "inputs"}}`; an input is a value, or `[id, place]`: an output of another node. What a
sampler draws with is found by going its links back, whatever stands in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.jobs.picture_recipes.found import Found, FoundLora, Origin, number, whole

SAMPLERS: Final = ("KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced", "KSampler (Efficient)")
MOST_NODES: Final = 5_000
MOST_STEPS: Final = 64
"""Links that are gone back, so that a ring of nodes ends."""

MOST_VISITS: Final = 2_000
"""Nodes that are looked at for one text: a graph may share them many times over."""

VALUES: Final = (
    "value",
    "text",
    "string",
    "String",
    "seed",
    "noise_seed",
    "int",
    "float",
    "number",
    "prompt",
    "populated_text",
)
"""Where nodes that only hold a value keep it."""

TEXTS: Final = ("text", "t5xxl", "clip_l", "text_g", "text_l", "prompt")
"""Where nodes that encode words keep them; of one node, equal ones count once."""

CHECKPOINTS: Final = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name")
SIZES: Final = ("width", "height")

SAMPLER_NAMES: Final = {
    "euler": "Euler",
    "euler_ancestral": "Euler a",
    "heun": "Heun",
    "dpm_2": "DPM2",
    "dpm_2_ancestral": "DPM2 a",
    "lms": "LMS",
    "dpm_fast": "DPM fast",
    "dpm_adaptive": "DPM adaptive",
    "dpmpp_2s_ancestral": "DPM++ 2S a",
    "dpmpp_sde": "DPM++ SDE",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_2m_sde_heun": "DPM++ 2M SDE Heun",
    "dpmpp_3m_sde": "DPM++ 3M SDE",
    "uni_pc": "UniPC",
    "uni_pc_bh2": "UniPC",
}
"""In AUTOMATIC1111's words; those that are not here are called the same by both."""


@dataclass(frozen=True, slots=True)
class _Graph:
    nodes: Mapping[str, Mapping[str, Any]]

    def inputs(self, node_id: str) -> Mapping[str, Any]:
        found = self.nodes.get(node_id, {}).get("inputs")
        return found if isinstance(found, dict) else {}

    def kind(self, node_id: str) -> str:
        return str(self.nodes.get(node_id, {}).get("class_type"))

    def linked(self, value: object) -> str | None:
        """The node that an input comes from, or None where it is a value itself."""
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
            return str(value[0]) if str(value[0]) in self.nodes else None
        return None

    def value(self, value: object) -> object:
        """The value of an input, through nodes that only hold one."""
        for _ in range(MOST_STEPS):
            node = self.linked(value)
            if node is None:
                return None if isinstance(value, list | dict) else value
            held = self.inputs(node)
            value = next((held[name] for name in VALUES if name in held), None)
        return None

    def back(self, node_id: str | None, names: tuple[str, ...]) -> Iterator[str]:
        """`node_id`, and the nodes before it, by the first of the inputs `names` that each has."""
        for _ in range(MOST_STEPS):
            if node_id is None:
                return
            yield node_id
            held = self.inputs(node_id)
            links = (self.linked(held.get(name)) for name in names)
            node_id = next((each for each in links if each is not None), None)


def read(document: Mapping[str, Any] | None) -> Found | None:
    """The recipe of the sampler that began the picture, or None if it is no such graph."""
    if document is None or len(document) > MOST_NODES:
        return None
    nodes = {name: node for name, node in document.items() if isinstance(node, dict) and "class_type" in node}
    graph = _Graph(nodes)
    samplers = [name for name in nodes if graph.kind(name) in SAMPLERS]
    if not samplers:
        return None
    first = next((name for name in samplers if _size(graph, name)), samplers[0])
    said, parts = graph.inputs(first), _parts(graph, first)
    notes = []
    if len(samplers) > 1:
        notes.append(f"{len(samplers)} samplers made it, one after the other: this is what the first one drew")
    size = _size(graph, first)
    if not size:
        notes.append("it was drawn over another picture, which is not in it: the words alone draw another")
    if any("ControlNetApply" in graph.kind(name) for name in nodes):
        notes.append("ControlNet guided it by a picture, which is not in it")
    guidance = _guidance(graph, parts)
    positive, negative = (_words(graph, parts.get(name)) for name in ("positive", "negative"))
    model, loras = _model(graph, graph.linked(parts.get("model")))
    sampler = graph.value(parts.get("sampler_name"))
    return Found(
        origin=Origin.COMFYUI,
        prompt=positive,
        negative_prompt=negative,
        model=model,
        loras=loras,
        steps=whole(graph.value(parts.get("steps"))),
        guidance=guidance,
        seed=whole(graph.value(said.get("seed", parts.get("noise_seed")))),
        sampler=_sampler_name(sampler) if isinstance(sampler, str) else None,
        schedule=_text(graph.value(parts.get("scheduler"))) or None,
        width=size[0] if size else None,
        height=size[1] if size else None,
        notes=(*notes,),
    )


def _parts(graph: _Graph, sampler: str) -> dict[str, Any]:
    """What a sampler is told, that of the nodes among it that stand for parts of a sampler's own fields."""
    parts = dict(graph.inputs(sampler))
    for name in ("guider", "sampler", "sigmas", "noise"):
        node = graph.linked(parts.get(name))
        if node is not None:
            parts = {**graph.inputs(node), **parts}
    parts.setdefault("positive", parts.get("conditioning"))
    return parts


def _size(graph: _Graph, sampler: str) -> tuple[int, int] | None:
    """That of the empty latent a sampler starts from, in pixels; None where it starts from a picture."""
    start = graph.inputs(sampler)
    node = graph.linked(start.get("latent_image", start.get("latent")))
    for each in graph.back(node, ("samples", "latent")):
        width, height = (whole(graph.value(graph.inputs(each).get(side))) for side in SIZES)
        if "Empty" in graph.kind(each) and width and height:
            return width, height
    return None


def _model(graph: _Graph, node: str | None) -> tuple[str | None, tuple[FoundLora, ...]]:
    """The checkpoint's file, and the LoRAs between it and the sampler, the first first."""
    loras: list[FoundLora] = []
    for each in graph.back(node, ("model",)):
        held = graph.inputs(each)
        name = held.get("lora_name")
        if isinstance(name, str):
            loras.append(FoundLora(name, number(graph.value(held.get("strength_model"))) or 0.0))
        file = next((graph.value(held[key]) for key in CHECKPOINTS if key in held), None)
        if isinstance(file, str):
            return file, tuple(reversed(loras))
    return None, tuple(reversed(loras))


def _guidance(graph: _Graph, parts: Mapping[str, Any]) -> float | None:
    """The scale: that of FluxGuidance, where a node of it stands before the words."""
    for each in graph.back(graph.linked(parts.get("positive")), ("conditioning",)):
        scale = number(graph.value(graph.inputs(each).get("guidance")))
        if scale is not None:
            return scale
    return number(graph.value(parts.get("cfg")))


def _words(graph: _Graph, value: object) -> str:
    """All texts that a conditioning is made of, each once, in the order of the links."""
    found: dict[str, None] = {}
    waiting = [graph.linked(value)]
    for _ in range(MOST_VISITS):
        if not waiting:
            break
        node = waiting.pop(0)
        if node is None or graph.kind(node) == "ConditioningZeroOut":
            continue
        held = graph.inputs(node)
        texts = [_text(graph.value(held[name])) for name in TEXTS if name in held]
        for text in filter(None, texts):
            found[text.replace("embedding:", "").strip()] = None
        if not texts:
            waiting += [graph.linked(each) for name, each in held.items() if _leads_to_words(name)]
    return ", ".join(filter(None, found))


def _leads_to_words(name: str) -> bool:
    return name.startswith(("conditioning", "positive"))


def _sampler_name(name: str) -> str:
    return SAMPLER_NAMES.get(name.removesuffix("_gpu"), name.removesuffix("_gpu"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
