"""The kinds of models and LoRAs that were distilled to few steps: their names, and what each is drawn with.

The numbers are those of the makers' model cards and papers. Whoever adds a kind adds a line here, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from core.schedulers import Scheduler


@dataclass(frozen=True, slots=True)
class FewSteps:
    """How a kind of distilled models is drawn with; `kind` is what people call it.

    `guidance` None is what the model takes without it. `scheduler` is for models trained on noise levels, whose steps
    begin at full noise then (`trailing` of Lin et al. 2023, arXiv:2305.08891); flows, and None, keep their own.
    `lora_scale` is how strongly a LoRA of the kind is meant.
    """

    kind: str
    steps: int = 4
    guidance: float | None = 0.0
    scheduler: Scheduler | None = None
    scheduler_config: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    lora_scale: float = 1.0


QWEN_SHIFT: Final = {"base_shift": math.log(3), "max_shift": math.log(3), "shift_terminal": 0.0}
"""The flow that Qwen-Image-Lightning was distilled along (github.com/ModelTC/Qwen-Image-Lightning)."""

DISTILLED: Final = FewSteps("distilled", 8, 1.0)
FLASH: Final = FewSteps("flash", scheduler=Scheduler.LCM)
HYPER: Final = FewSteps("hyper", 8, scheduler=Scheduler.DDIM)
LCM: Final = FewSteps("lcm", guidance=1.0, scheduler=Scheduler.LCM)
LIGHTNING: Final = FewSteps("lightning", scheduler=Scheduler.EULER)
SCHNELL: Final = FewSteps("schnell")
SPRINT: Final = FewSteps("sprint", 2, None)
TCD: Final = FewSteps("tcd", scheduler=Scheduler.TCD, arguments={"eta": 0.3})
TURBO: Final = FewSteps("turbo", scheduler=Scheduler.EULER_ANCESTRAL)

NAMES: Final[tuple[tuple[str, FewSteps], ...]] = (
    (r"hyper flux|flux\b.* hyper|hyper sd 3", replace(HYPER, lora_scale=0.125)),
    (r"hyper|hypersd|hypersdxl", HYPER),
    (r"qwen\b.* lightning", replace(LIGHTNING, scheduler_config=QWEN_SHIFT)),
    (r"lightning", LIGHTNING),
    (r"flux\b.* turbo", replace(TURBO, steps=8)),
    (r"z image turbo", replace(TURBO, steps=9)),  # eight calls of the denoiser: its pipeline leaves one out
    (r"turbo|sdturbo|sdxlturbo", TURBO),
    (r"pcm\b.* lcmlike", replace(LCM, kind="pcm")),
    (r"pcm", FewSteps("pcm", scheduler=Scheduler.DDIM)),
    (r"lcm|latent consistency|vega rt", LCM),
    (r"tcd", TCD),
    (r"dmd", FewSteps("dmd", scheduler=Scheduler.LCM)),
    (r"sdxs", FewSteps("sdxs", 1)),
    (r"nitrosd|nitro sd|nitro ?fusion", FewSteps("nitro", scheduler=Scheduler.LCM)),
    (r"(?:sd|sdxl|sigma|\d) nitro|nitro 1", FewSteps("nitro", 1)),
    (r"chroma\b.* flash", FewSteps("flash", 16, 1.0)),
    (r"sd ?xl flash", FewSteps("flash", 7, 3.0, Scheduler.DPMPP_2S)),
    (r"flash", FLASH),
    (r"schnell", SCHNELL),
    (r"sana sprint", SPRINT),
    (r"hi dream\b.* fast", FewSteps("fast", 16)),
    (r"hi dream\b.* dev", FewSteps("dev", 28)),
    (r"klein(?!.* base)", FewSteps("klein", 4, 1.0)),
    (r"(?<!de )(?<!cfg )(?<!guidance )distill(?:ed)?", DISTILLED),
)
"""The words of names (`words_of`) that tell a kind, as patterns of whole words; the first that is there counts."""

ONE_STEP: Final[Mapping[str, Mapping[str, Any]]] = {
    "hyper": {"scheduler": Scheduler.TCD, "arguments": {"eta": 1.0}},
    "lightning": {"scheduler_config": {"prediction_type": "sample"}},
}
"""What differs in the members of a kind that draw in a single step."""

KEEP_GUIDANCE: Final = ("hyper", "pcm")
"""Kinds of which some were distilled to be guided still, and negative prompts be read: `CFG` in their names."""

COMMON: Final = frozenset({"hyper", "lightning", "turbo", "flash", "distilled", "fast", "dev"})
"""Kinds whose words have a meaning of their own: the name of a LoRA has to say more than that."""

MODELS: Final = r"(?:sd|sdv|sdxl|xl|pony|flux|qwen|chroma|kolors|krea|anima|pix art|pixart|sana|z image)"
"""What stands beside the word in the names of LoRAs that were distilled: the model that they are for."""

BETWEEN: Final = r"(?: (?:\d+|v|i|s|d|b|image|edit|large|medium|base|dev|plus))*"

TOPICS: Final = (
    r"(?:real|detail|light|photo|charged|bolt|strike|storm|effect|magic|mcqueen|power|drive|back|mob|gordon|tattoo"
    r"|fiction|point|bang|jet|fan|man|woman|girl|engine|circus|car|background|element|art|style|dragon|granny)\w*"
)
"""Words behind `hyper`, `lightning` or `flash` that make it what is in the pictures: `hyper realistic`."""

SCHEDULERS: Final[Mapping[str, FewSteps]] = {
    "LCMScheduler": LCM,
    "TCDScheduler": TCD,
    "FlowMatchLCMScheduler": LCM,
}
"""Classes of diffusers that only models distilled for them come with."""
