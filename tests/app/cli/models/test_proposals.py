"""The row that is proposed is what people use for that kind of model."""

from __future__ import annotations

from typing import Any

import pytest

from app.cli.client import AskedWrongly
from app.cli.models.facts import Facts, Machine
from app.cli.models.proposals import check_new_id, id_for, proposed
from app.cli.models.samplers import SAMPLERS, SOLVERS
from app.cli.models.weights import GIB, fitting
from core.catalog.model import Model
from core.schedulers import FLOW_SCHEDULERS, Scheduler

UNET = {"_class_name": "UNet2DConditionModel"}
VAE8 = {"block_out_channels": [128, 256, 512, 512]}
GUIDED = {"guidance_scale": 5.0, "num_inference_steps": 50}


def facts(pipeline: str, family: str, **changes: Any) -> Facts:
    told = {"tasks": ["text-to-image"], "vae": VAE8, "defaults": GUIDED, "parameters": ["prompt", "negative_prompt"]}
    return Facts.model_validate({"pipeline": pipeline, "family": family, **told, **changes})


def sdxl(**changes: Any) -> Facts:
    told = {"denoiser": UNET | {"sample_size": 128}, "scheduler": {"_class_name": "EulerDiscreteScheduler"}}
    return facts("StableDiffusionXLPipeline", "sdxl", **{**told, **changes})


def row_of(told: Facts, name: str) -> dict[str, Any]:
    row = proposed(told, {"source": "/x"}, (name,), {}).row
    Model.model_validate({"id": "m", **row})  # whatever is proposed is a good row
    return row


def test_sdxl() -> None:
    row = row_of(sdxl(), "stable-diffusion-xl-base-1.0")
    assert (row["size"]["width"], row["size"]["height"], row["size"]["multiple"]) == (1024, 1024, 8)
    assert [1216, 832] in row["size"]["buckets"]
    assert (row["scheduler"], row["num_inference_steps"], row["guidance_scale"]) == ("euler", 30, 5.0)
    assert "scheduler_config" not in row
    assert "negative_prompt" not in row


@pytest.mark.parametrize(
    ("name", "steps"), [("sdxl-turbo", 4), ("SDXL-Lightning-8step", 8), ("Hyper-SDXL", 8), ("dreamshaper_lightning", 4)]
)
def test_few_step_models_of_sdxl(name: str, steps: int) -> None:
    row = row_of(sdxl(), name)
    assert (row["num_inference_steps"], row["guidance_scale"], row["negative_prompt"]) == (steps, 0.0, False)
    assert row["scheduler_config"] == {"timestep_spacing": "trailing"}


def test_sdxl_turbo_as_it_comes_is_trained_at_512() -> None:
    scheduler = {"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"}
    row = row_of(sdxl(denoiser=UNET | {"sample_size": 64}, scheduler=scheduler), "sdxl-turbo")
    assert row["scheduler"] == "euler-ancestral"
    assert "scheduler_config" not in row
    assert row["size"]["width"] == 512
    assert "buckets" not in row["size"]


def test_lcm() -> None:
    row = row_of(sdxl(scheduler={"_class_name": "LCMScheduler"}), "my-model")
    assert (row["scheduler"], row["schedulers"], row["guidance_scale"]) == ("lcm", ["lcm", "own"], 1.0)
    assert row["num_inference_steps"] == 4


def test_tcd_and_the_lcm_of_flows_take_few_steps_too() -> None:
    row = row_of(sdxl(scheduler={"_class_name": "TCDScheduler"}), "my-model")
    assert (row["scheduler"], row["schedulers"], row["guidance_scale"]) == ("tcd", ["tcd", "own"], 0.0)
    assert "scheduler_config" not in row
    flow = facts("FluxPipeline", "flux", scheduler={"_class_name": "FlowMatchLCMScheduler"})
    assert row_of(flow, "my-model")["schedulers"] == ["flow-match-lcm", "own"]


def sd15(**changes: Any) -> Facts:
    told = {"denoiser": UNET | {"sample_size": 64}, "scheduler": {"_class_name": "PNDMScheduler"}}
    return facts("StableDiffusionPipeline", "sd15", **{**told, "parameters": ["prompt", "eta"], **changes})


@pytest.mark.parametrize(
    ("lora", "drawn"),
    [
        ("lcm-lora-sdv1-5", ("lcm", 4, 1.0, None)),
        ("Hyper-SD15-8steps-lora", ("ddim", 8, 0.0, None)),
        ("Hyper-SD15-1step-lora", ("tcd", 1, 0.0, {"eta": 1.0})),
        ("TCD-SD15-LoRA", ("tcd", 4, 0.0, {"eta": 0.3})),
        ("sd_turbo_lora", ("euler-ancestral", 4, 0.0, None)),
    ],
)
def test_a_few_step_lora_decides_how_its_model_is_drawn_with(lora: str, drawn: tuple[Any, ...]) -> None:
    proposal = proposed(sd15(), {"source": "/x", "loras": {lora: 1.0}}, ("dreamshaper_8",), {}, loras=(lora,))
    row = Model.model_validate({"id": "m", **proposal.row})
    assert (str(row.scheduler), row.num_inference_steps, row.guidance_scale, row.arguments or None) == drawn
    assert row.scheduler_config == {"timestep_spacing": "trailing"}
    assert not row.negative_prompt
    assert any("few steps and little guidance" in note for note in proposal.notes)


def test_a_lora_that_keeps_the_guidance_keeps_negative_prompts_and_another_changes_nothing() -> None:
    lora = "Hyper-SD15-12steps-CFG-lora"
    row = proposed(sd15(parameters=["prompt", "negative_prompt"]), {"source": "/x"}, ("a",), {}, loras=(lora,)).row
    assert (row["num_inference_steps"], row["guidance_scale"], row.get("negative_prompt")) == (12, 5.0, None)
    plain = proposed(sd15(), {"source": "/x"}, ("a",), {}, loras=("pixel-art",)).row
    assert plain == proposed(sd15(), {"source": "/x"}, ("a",), {}).row


def test_few_step_loras_of_flows_keep_their_samplers() -> None:
    flux = facts(
        "FluxPipeline",
        "flux",
        denoiser={"_class_name": "FluxTransformer2DModel", "guidance_embeds": True},
        scheduler={"_class_name": "FlowMatchEulerDiscreteScheduler"},
        defaults={"guidance_scale": 3.5, "num_inference_steps": 28},
    )
    row = proposed(flux, {"source": "/x"}, ("FLUX.1-dev",), {}, loras=("FLUX.1-Turbo-Alpha",)).row
    assert (row["scheduler"], row["num_inference_steps"], row["guidance_scale"]) == ("flow-match-euler", 8, 3.5)
    assert "scheduler_config" not in row
    flow = {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift_terminal": 0.02}
    qwen = facts("QwenImagePipeline", "qwen-image", scheduler=flow, defaults={"true_cfg_scale": 4.0})
    row = proposed(qwen, {"source": "/x"}, ("Qwen-Image",), {}, loras=("Qwen-Image-Lightning-4steps-V1.0",)).row
    assert (row["num_inference_steps"], row["guidance_scale"]) == (4, 0.0)
    assert row["scheduler_config"]["shift_terminal"] == 0.0


def test_a_consistency_model_whose_folder_has_another_sampler_gets_its_own() -> None:
    assert row_of(sdxl(), "dreamshaper-lcm")["scheduler"] == "lcm"
    assert row_of(sdxl(), "dreamshaper-lightning")["scheduler"] == "euler"
    # A single file came without a sampler: the one beside it is the original model's
    assert row_of(sdxl(scheduler_is_own=False), "juggernautXL_hyper")["scheduler"] == "ddim"
    told_guidance = UNET | {"sample_size": 128, "time_cond_proj_dim": 256}
    assert row_of(sdxl(denoiser=told_guidance), "lcm-sdxl")["guidance_scale"] == 8.0


@pytest.mark.parametrize(
    ("scheduler", "name"),
    [
        ({"_class_name": "DEISMultistepScheduler"}, "deis"),
        ({"_class_name": "KDPM2DiscreteScheduler"}, "dpm2"),
        ({"_class_name": "KDPM2AncestralDiscreteScheduler"}, "dpm2-ancestral"),
        ({"_class_name": "LMSDiscreteScheduler"}, "lms"),
        ({"_class_name": "SASolverScheduler"}, "sa-solver"),
        ({"_class_name": "DPMSolverMultistepScheduler"}, "dpmpp-2m"),
        ({"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++"}, "dpmpp-2m-sde"),
        ({"_class_name": "DPMSolverMultistepScheduler", "solver_order": 3}, "dpmpp-3m"),
        ({"_class_name": "DPMSolverSinglestepScheduler", "algorithm_type": "sde-dpmsolver++"}, "dpmpp-sde"),
        # It cannot start from a picture, so the family's is taken
        ({"_class_name": "PNDMScheduler"}, "euler"),
        ({"_class_name": "EDMEulerScheduler"}, "euler"),
    ],
)
def test_the_sampler_that_a_model_came_with_is_its_default(scheduler: dict[str, Any], name: str) -> None:
    row = row_of(sdxl(scheduler=scheduler), "my-model")
    assert row["scheduler"] == name
    assert Model.model_validate({"id": "my-model", **row}).scheduler == name


def test_every_sampler_is_told_from_its_class() -> None:
    told = {*SAMPLERS.values(), *SOLVERS.values()}
    # One class of diffusers has both, by `solver_type`, of which the usual is meant
    assert {*Scheduler} - told == {Scheduler.OWN, Scheduler.DPMPP_2M_SDE_HEUN}


def test_a_solver_of_a_flow_leaves_samplers_for_flows() -> None:
    # Given what Sana comes with: a family without a usual sampler, and a solver that was made for noise levels
    flow = {"_class_name": "DPMSolverMultistepScheduler", "prediction_type": "flow_prediction", "use_flow_sigmas": True}
    row = row_of(facts("SanaPipeline", "sana", scheduler=flow), "Sana_1024px")
    assert row["scheduler"] == "dpmpp-2m"
    assert row["schedulers"] == [*FLOW_SCHEDULERS, "own"]


def test_the_v_prediction_of_a_name_is_told_to_the_sampler() -> None:
    row = row_of(sdxl(), "NoobAI-XL-Vpred-1.0")
    assert row["scheduler_config"] == {
        "prediction_type": "v_prediction",
        "rescale_betas_zero_snr": True,
        "timestep_spacing": "trailing",
    }


def test_stable_diffusion_1_and_2() -> None:
    pndm = {"_class_name": "PNDMScheduler"}
    first = facts("StableDiffusionPipeline", "sd15", denoiser=UNET | {"sample_size": 64}, scheduler=pndm)
    row = row_of(first, "stable-diffusion-v1-5")
    assert (row["size"]["width"], row["size"]["minimum"], row["size"]["maximum"]) == (512, 256, 1024)
    assert (row["scheduler"], row["guidance_scale"]) == ("euler", 7.0)
    ddim = {"_class_name": "DDIMScheduler", "prediction_type": "v_prediction"}
    second = facts("StableDiffusionPipeline", "sd15", denoiser=UNET | {"sample_size": 96}, scheduler=ddim)
    proposal = proposed(second, {"source": "/x"}, ("stable-diffusion-2-1",), {})
    assert proposal.row["size"]["width"] == 768
    assert proposal.notes == ("v-prediction, as its scheduler says",)


@pytest.mark.parametrize(("embeds", "steps", "guidance"), [(True, 28, 3.5), (False, 4, 0.0)])
def test_flux_dev_and_schnell(embeds: bool, steps: int, guidance: float) -> None:
    told = facts(
        "FluxPipeline",
        "flux",
        denoiser={"_class_name": "FluxTransformer2DModel", "guidance_embeds": embeds, "patch_size": 1},
        scheduler={"_class_name": "FlowMatchEulerDiscreteScheduler"},
        defaults={"guidance_scale": 3.5, "num_inference_steps": 28, "true_cfg_scale": 1.0},
    )
    row = row_of(told, "FLUX.1")
    assert (row["num_inference_steps"], row["guidance_scale"]) == (steps, guidance)
    assert row["size"] == {"minimum": 256, "maximum": 2048, "multiple": 16, "width": 1024, "height": 1024}
    assert (row["scheduler"], row["negative_prompt"]) == ("flow-match-euler", False)


def test_others_by_their_configuration() -> None:
    qwen = facts(
        "QwenImagePipeline",
        "qwen-image",
        vae={"temperal_downsample": [False, True, True]},
        defaults={"true_cfg_scale": 4.0, "num_inference_steps": 50},
    )
    assert row_of(qwen, "Qwen-Image")["guidance_scale"] == 4.0
    assert row_of(qwen, "Qwen-Image")["size"]["multiple"] == 16
    sana = facts(
        "SanaPipeline",
        "sana",
        vae={"encoder_block_out_channels": [128] * 6},
        denoiser={"sample_size": 16, "patch_size": 1},
        defaults={"height": 1024},
    )
    assert row_of(sana, "Sana_512px")["size"]["width"] == 512
    assert row_of(sana, "Sana_512px")["size"]["multiple"] == 32
    klein = facts("Flux2KleinPipeline", "flux2", index={"is_distilled": True}, parameters=["prompt", "image"])
    assert row_of(klein, "FLUX.2-klein-4B")["num_inference_steps"] == 4
    turbo = facts("ZImagePipeline", "z-image", scheduler={"_class_name": "FlowMatchEulerDiscreteScheduler"})
    row = row_of(turbo, "Z-Image-Turbo")
    assert (row["num_inference_steps"], row["guidance_scale"]) == (9, 0.0)
    assert "scheduler_config" not in row


def test_what_a_person_asked_for_comes_first() -> None:
    row = proposed(sdxl(), {"source": "/x"}, ("m",), {"queue": "large", "aliases": ["a"]}, (768, 512)).row
    assert (row["queue"], row["aliases"], row["size"]["width"], row["size"]["height"]) == ("large", ["a"], 768, 512)


@pytest.mark.parametrize(
    ("name", "taken", "made"),
    [
        ("sd_xl_base_1.0", (), "sd_xl_base_1.0"),
        ("FLUX.1-dev", ("flux.1-dev",), "flux.1-dev-2"),
        ("Überbild (v2)!", (), "berbild-v2"),
        ("default", (), "default-model"),
        ("___", (), "model"),
        ("x" * 90, (), "x" * 60),
    ],
)
def test_ids_are_made_of_names(name: str, taken: tuple[str, ...], made: str) -> None:
    assert id_for(name, taken) == made
    check_new_id(made)


@pytest.mark.parametrize("model_id", ["default", "A", "a b", "-a", "x" * 65])
def test_what_can_be_no_id_is_told(model_id: str) -> None:
    with pytest.raises(AskedWrongly, match="--id"):
        check_new_id(model_id)


@pytest.mark.parametrize(
    ("device", "total", "dtype", "said"),
    [
        ("cuda", 24, None, "fits: 6.5 GiB of weights in float16"),
        ("cpu", 64, None, "fits: 13.0 GiB of weights in float32"),
        ("cpu", 12, "bfloat16", "fits: 6.5 GiB of weights in bfloat16"),
        ("cuda", 6, None, "DOES NOT FIT: 6.5 GiB"),
    ],
)
def test_what_fits_the_machine(device: str, total: int, dtype: str | None, said: str) -> None:
    machine = Machine(device=device, name="this", total=total * GIB, free=total * GIB)
    proposal, told = fitting(int(3.25 * GIB), sdxl().evolve(machine=machine), None)
    assert proposal == dtype
    assert told.startswith(said)
