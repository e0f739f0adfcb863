"""A finished job as AUTOMATIC1111's clients expect it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from app.jobs.outcome import in_base64
from app.wires.a1111.fields import TextToImage
from app.wires.a1111.hires import HiresFix
from core.infotext import infotext
from core.jobs import Job
from core.results import ResultStore
from core.schedulers import SHOWN, SHOWN_SCHEDULES


def drawn(job: Job, body: TextToImage, results: ResultStore) -> dict[str, Any]:
    """The pictures; `info` is JSON inside JSON, as those clients parse it. A canceled job has none."""
    images = [in_base64(results, image) for image in job.outputs] if body.send_images else []
    parameters = body.model_dump(mode="json", exclude={"init_images", "mask"})
    return {
        "images": images,
        "parameters": parameters,
        "info": json.dumps({**info(job), "easel_notes": notes(job, body)}),
    }


def drawn_large(fix: HiresFix, jobs: Sequence[Job], images: Sequence[bytes]) -> dict[str, Any]:
    """The `images` that the hires fix came to, none if it was canceled. What is told of them is the first pass's, as
    those clients expect, with what the others did; `jobs` are those of all passes."""
    first, body = jobs[0], fix.body
    told = list(dict.fromkeys(note for job in jobs for note in job.notes))
    hires = facts_of(fix)
    line = "".join(f", {word}: {value}" for word, value in hires.items())
    said = info(first)
    said |= {
        "denoising_strength": body.denoising_strength,
        "extra_generation_params": {**said["extra_generation_params"], **hires},
        "infotexts": [text + line for text in said["infotexts"]],
        "notes": told,
        "easel_notes": list(dict.fromkeys([*notes(first, body), *told])),
        "easel_job_ids": [job.id for job in jobs],
    }
    return {
        "images": [base64.b64encode(image).decode() for image in images] if body.send_images else [],
        "parameters": body.model_dump(mode="json"),
        "info": json.dumps(said),
    }


def facts_of(fix: HiresFix) -> dict[str, str]:
    """What became of the pictures after the first pass, in AUTOMATIC1111's words."""
    body = fix.body
    facts = {"Denoising strength": f"{body.denoising_strength:g}"}
    if body.hr_resize_x or body.hr_resize_y:
        facts["Hires resize"] = f"{body.hr_resize_x}x{body.hr_resize_y}"
    else:
        facts["Hires upscale"] = f"{body.hr_scale:g}"
    if body.hr_second_pass_steps:
        facts["Hires steps"] = str(body.hr_second_pass_steps)
    facts["Hires upscaler"] = fix.upscaler
    facts["Hires size"] = f"{fix.target[0]}x{fix.target[1]}"
    return facts


def notes(job: Job, body: TextToImage) -> list[str]:
    """What became of the prompts on the way: parts that were not read, weights that the model does not take."""
    told = job.request.parameters.model_dump()
    plain = told.get("prompt_syntax") != "weighted"
    if plain and (told["prompt"], told["negative_prompt"] or body.negative_prompt) != (
        body.prompt,
        body.negative_prompt,
    ):
        return [f"model '{job.request.model}' takes no weights in prompts: (word:1.3) was read as word", *job.notes]
    return list(job.notes)


def info(job: Job) -> dict[str, Any]:
    """What those clients read of the pictures: one list a field, one entry a picture."""
    told, seeds = job.request.parameters.model_dump(), job.request.seeds
    count = len(seeds)
    return {
        "prompt": told["prompt"],
        "all_prompts": [told["prompt"]] * count,
        "negative_prompt": told["negative_prompt"],
        "all_negative_prompts": [told["negative_prompt"]] * count,
        "seed": seeds[0],
        "all_seeds": list(seeds),
        "subseed": 0,
        "all_subseeds": [0] * count,
        "subseed_strength": 0,
        "width": told["width"],
        "height": told["height"],
        "sampler_name": SHOWN[told["scheduler"]],
        "scheduler": SHOWN_SCHEDULES[told["noise_schedule"]],
        "cfg_scale": told["guidance_scale"],
        "steps": told["num_inference_steps"],
        "batch_size": count,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": job.request.model,
        "sd_model_hash": "",
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": told.get("strength"),
        "extra_generation_params": {
            "Schedule type": SHOWN_SCHEDULES[told["noise_schedule"]],
            **({"Notes": "; ".join(job.notes)} if job.notes else {}),
        },
        "index_of_first_image": 0,
        "infotexts": [infotext(job.request, seed, job.notes) for seed in seeds],
        "styles": [],
        "job_timestamp": f"{job.created_at:%Y%m%d%H%M%S}",
        "clip_skip": 1,
        "is_using_inpainting_conditioning": any(given.role == "mask" for given in job.request.inputs),
        "notes": list(job.notes),
        "easel_job_id": job.id,
    }
