"""Which models and LoRAs draw in few steps, told by the names that people have and by what configurations say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.catalog.few_step_kinds import NAMES, FewSteps
from core.catalog.few_step_names import lora_names, names_in, steps_in, words_of
from core.catalog.few_steps import Configuration, few_steps

NOTHING = Configuration()


def told(kind: FewSteps | None) -> tuple[Any, ...] | None:
    return kind and (kind.kind, kind.steps, kind.guidance, kind.scheduler and str(kind.scheduler))


MODELS = [
    ("sdxl-turbo", ("turbo", 4, 0.0, "euler-ancestral")),
    ("SDXLTurbo", ("turbo", 4, 0.0, "euler-ancestral")),
    ("stable-diffusion-3.5-large-turbo", ("turbo", 4, 0.0, "euler-ancestral")),
    ("Z-Image-Turbo", ("turbo", 9, 0.0, "euler-ancestral")),
    ("SDXL-Lightning", ("lightning", 4, 0.0, "euler")),
    ("juggernautXL_v9Rdphoto2Lightning", ("lightning", 4, 0.0, "euler")),
    ("realvisxlV40_v40LightningBakedvae", ("lightning", 4, 0.0, "euler")),
    ("dreamshaperXL_lightning_8Steps", ("lightning", 8, 0.0, "euler")),
    ("Juggernaut-X-Hyper", ("hyper", 8, 0.0, "ddim")),
    ("realisticVisionV60B1_v51HyperVAE", ("hyper", 8, 0.0, "ddim")),
    ("LCM_Dreamshaper_v7", ("lcm", 4, 1.0, "lcm")),
    ("animeLCMv2", ("lcm", 4, 1.0, "lcm")),
    ("Segmind-VegaRT", ("lcm", 4, 1.0, "lcm")),
    ("dmd2_sdxl_4step_unet_fp16", ("dmd", 4, 0.0, "lcm")),
    ("flux1-schnell-Q4_K_S", ("schnell", 4, 0.0, None)),
    ("sdxs-512-0.9", ("sdxs", 1, 0.0, None)),
    ("nitrosd-realism_unet", ("nitro", 4, 0.0, "lcm")),
    ("AMD-PixArt-Sigma-Nitro", ("nitro", 1, 0.0, None)),
    ("sdxl-flash", ("flash", 7, 3.0, "dpmpp-2s")),
    ("Chroma1-HD-Flash", ("flash", 16, 1.0, None)),
    ("Sana_Sprint_1.6B_1024px", ("sprint", 2, None, None)),
    ("HiDream-I1-Fast", ("fast", 16, 0.0, None)),
    ("FLUX.2-klein-4B", ("klein", 4, 1.0, None)),
    ("HunyuanImage-2.1-Distilled", ("distilled", 8, 1.0, None)),
    ("anime-4step", ("few-step", 4, 0.0, None)),
    ("turbocharged-portraits", None),
    ("TurboCharged", None),
    ("flashlight", None),
    ("flash-photography", None),
    ("hyper-realistic-portraits", None),
    ("HyperRealism_v2", None),
    ("lightning-bolts", None),
    ("nitro-circus", None),
    ("sprint-cars", None),
    ("FLUX.2-klein-base-4B", None),
    ("flux-dev-de-distill", None),
    ("FLUX.1-dev-cfg-distilled", None),
    ("stable-diffusion-xl-base-1.0", None),
    ("checkpoint-20steps", None),
    ("my-model-000002500-steps", None),
]


@pytest.mark.parametrize(("name", "kind"), MODELS)
def test_models_by_their_names(name: str, kind: tuple[Any, ...] | None) -> None:
    assert told(few_steps([name], NOTHING)) == kind


LORAS = [
    ("lcm-lora-sdv1-5", ("lcm", 4, 1.0, "lcm")),
    ("sdxl_lightning_8step_lora", ("lightning", 8, 0.0, "euler")),
    ("Hyper-SD15-8steps-lora", ("hyper", 8, 0.0, "ddim")),
    ("Hyper-SDXL-12steps-CFG-lora", ("hyper", 12, 5.0, "ddim")),
    ("Hyper-SDXL-1step-lora", ("hyper", 1, 0.0, "tcd")),
    ("TCD-SDXL-LoRA", ("tcd", 4, 0.0, "tcd")),
    ("pcm_sdxl_smallcfg_4step_converted", ("pcm", 4, 0.0, "ddim")),
    ("pcm_sd15_normalcfg_8step_converted", ("pcm", 8, 5.0, "ddim")),
    ("pcm_sdxl_lcmlike_lora_converted", ("pcm", 4, 1.0, "lcm")),
    ("dmd2_sdxl_4step_lora_fp16", ("dmd", 4, 0.0, "lcm")),
    ("flash-sdxl", ("flash", 4, 0.0, "lcm")),
    ("sd_xl_turbo_lora_v1", ("turbo", 4, 0.0, "euler-ancestral")),
    ("FLUX.1-Turbo-Alpha", ("turbo", 8, 0.0, "euler-ancestral")),
    ("fluxdev2schnell-lora", ("schnell", 4, 0.0, None)),
    ("Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16", ("lightning", 4, 0.0, "euler")),
    ("pixel-art-xl", None),
    ("lightning", None),
    ("the-flash", None),
    ("turbo_granny", None),
    ("hyper_detailed_v2", None),
    ("flash-photography-sdxl", None),
    ("sdxl-lightning-bolts", None),
]


@pytest.mark.parametrize(("name", "kind"), LORAS)
def test_loras_by_their_names(name: str, kind: tuple[Any, ...] | None) -> None:
    assert told(few_steps(["dreamshaper"], NOTHING, [name])) == kind


def test_the_name_that_tells_the_kind_tells_its_steps_first() -> None:
    assert told(few_steps((), NOTHING, ["pixels-3steps", "lcm-lora-8steps"])) == ("lcm", 8, 1.0, "lcm")
    assert told(few_steps((), NOTHING, ["8steps", "Hyper-SD"])) == ("hyper", 8, 0.0, "ddim")


def test_a_lora_is_called_as_its_metadata_says_too(tmp_path: Path) -> None:
    file = tmp_path / "my.safetensors"
    save_file({"a.lora_A.weight": torch.zeros(1)}, file, {"modelspec.title": "LCM for XL", "ss_output_name": "mine"})
    assert lora_names(str(file), file) == ("my", "LCM for XL", "mine")
    (tmp_path / "none.safetensors").write_bytes(b"none")
    assert lora_names("none.safetensors", tmp_path / "none.safetensors") == ("none",)
    assert lora_names("some/where/a.safetensors", None) == ("a", "where")


def test_what_a_kind_needs_beside_steps_and_guidance() -> None:
    def of(name: str) -> FewSteps:
        kind = few_steps((), NOTHING, [name])
        assert kind is not None
        return kind

    assert of("TCD-SDXL-LoRA").arguments == {"eta": 0.3}
    assert of("Hyper-SDXL-1step-lora").arguments == {"eta": 1.0}
    assert of("sdxl_lightning_1step_x0").scheduler_config == {"prediction_type": "sample"}
    assert of("Qwen-Image-Lightning-8steps").scheduler_config["shift_terminal"] == 0.0
    assert [of(f"Hyper-{base}-8steps-CFG-lora").lora_scale for base in ("FLUX.1-dev", "SD3", "SDXL")] == [0.125] * 2 + [
        1
    ]


@pytest.mark.parametrize(
    ("name", "configuration", "kind"),
    [
        ("mine", Configuration(scheduler="LCMScheduler"), ("lcm", 4, 1.0, "lcm")),
        ("mine-2step", Configuration(scheduler="LCMScheduler"), ("lcm", 2, 1.0, "lcm")),
        ("mine", Configuration(scheduler="TCDScheduler"), ("tcd", 4, 0.0, "tcd")),
        ("mine", Configuration(pipeline="FluxPipeline", guidance_embeds=False), ("schnell", 4, 0.0, None)),
        ("mine", Configuration(pipeline="FluxPipeline", guidance_embeds=True), None),
        ("mine", Configuration(is_distilled=True), ("distilled", 8, 1.0, None)),
        ("klein-distilled", Configuration(is_distilled=False), None),
        ("mine", Configuration(family="lcm"), ("lcm", 4, None, "lcm")),
        ("lcm-sdxl", Configuration(time_cond_proj_dim=256), ("lcm", 4, None, "lcm")),
        ("mine", Configuration(pipeline="SanaSprintPipeline"), ("sprint", 2, None, None)),
        ("HunyuanDiT-v1.2-Distilled", Configuration(family="hunyuan-dit"), None),
    ],
)
def test_a_configuration_that_says_it_counts_more_than_a_name(
    name: str, configuration: Configuration, kind: tuple[Any, ...] | None
) -> None:
    assert told(few_steps([name], configuration)) == kind


def test_a_lora_counts_more_than_its_model_and_keeps_guidance_that_is_an_input() -> None:
    assert told(few_steps(["sdxl-turbo"], NOTHING, ["lcm-lora-sdxl"])) == ("lcm", 4, 1.0, "lcm")
    assert told(few_steps(["sdxl-turbo"], NOTHING, ["pixel-art-xl"])) == ("turbo", 4, 0.0, "euler-ancestral")
    dev = Configuration(pipeline="FluxPipeline", guidance_embeds=True)
    assert told(few_steps(["FLUX.1-dev"], dev, ["FLUX.1-Turbo-Alpha"])) == ("turbo", 8, None, "euler-ancestral")


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("/models/dreamshaper_8.safetensors", ("dreamshaper_8",)),
        ("/models/sd_xl_base_1.0", ("sd_xl_base_1.0",)),
        ("/models/FLUX.1-Turbo-Alpha/diffusion_pytorch_model.safetensors",
         ("diffusion_pytorch_model", "FLUX.1-Turbo-Alpha")),
        ("lightning-ai/pictures", ("pictures",)),
        ("owner/name@v2", ("name",)),
        ("ByteDance/Hyper-SD/Hyper-SDXL-8steps-lora.safetensors", ("Hyper-SDXL-8steps-lora", "Hyper-SD")),
        ("/cache/models--jasperai--flash-sdxl/snapshots/0123/pytorch_lora_weights.safetensors",
         ("pytorch_lora_weights", "flash-sdxl")),
    ],
)  # fmt: skip
def test_what_a_source_is_called(source: str, names: tuple[str, ...]) -> None:
    assert names_in(source) == names


def test_words_and_steps_of_names() -> None:
    assert words_of("juggernautXL_v9Rdphoto2Lightning") == "juggernaut xl v 9 rdphoto 2 lightning"
    assert [steps_in(name) for name in ("Hyper-8steps", "4-Step", "2_step_unet", "step4", "1.2steps")] == [
        8,
        4,
        2,
        None,
        None,
    ]


def test_every_line_of_the_table_has_a_name_that_it_tells() -> None:
    kinds = [few_steps([name], NOTHING) for name, _ in MODELS] + [few_steps((), NOTHING, [name]) for name, _ in LORAS]
    assert {kind.kind for _, kind in NAMES} <= {kind.kind for kind in kinds if kind} | {"dev"}
