"""A finished job as AUTOMATIC1111's clients expect it. Knows the shape of the answer only."""

from __future__ import annotations

import json
from typing import Any

from app.wires.a1111.fields import TextToImage
from app.wires.a1111.samplers import NAMES
from app.wires.openai.answers import in_base64
from core.jobs import GenerationRequest, Job, Task
from core.results import ResultStore


def drawn(job: Job, body: TextToImage, results: ResultStore) -> dict[str, Any]:
    """The pictures; `info` is JSON inside JSON, as those clients parse it. A canceled job has none."""
    images = [in_base64(results, image) for image in job.images] if body.send_images else []
    parameters = body.model_dump(mode="json", exclude={"init_images", "mask"})
    return {"images": images, "parameters": parameters, "info": json.dumps(info(job))}


def info(job: Job) -> dict[str, Any]:
    request = job.request
    count = len(request.seeds)
    return {
        "prompt": request.prompt,
        "all_prompts": [request.prompt] * count,
        "negative_prompt": request.negative_prompt,
        "all_negative_prompts": [request.negative_prompt] * count,
        "seed": request.seeds[0],
        "all_seeds": list(request.seeds),
        "subseed": 0,
        "all_subseeds": [0] * count,
        "subseed_strength": 0,
        "width": request.width,
        "height": request.height,
        "sampler_name": NAMES[request.scheduler][0],
        "cfg_scale": request.guidance_scale,
        "steps": request.num_inference_steps,
        "batch_size": count,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": request.model,
        "sd_model_hash": "",
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": request.strength,
        "extra_generation_params": {},
        "index_of_first_image": 0,
        "infotexts": [infotext(request, seed) for seed in request.seeds],
        "styles": [],
        "job_timestamp": f"{job.created_at:%Y%m%d%H%M%S}",
        "clip_skip": 1,
        "is_using_inpainting_conditioning": request.task is Task.INPAINT,
        "easel_job_id": job.id,
    }


def infotext(request: GenerationRequest, seed: int) -> str:
    negative = [f"Negative prompt: {request.negative_prompt}"] if request.negative_prompt else []
    settings = (
        f"Steps: {request.num_inference_steps}, Sampler: {NAMES[request.scheduler][0]}, "
        f"CFG scale: {request.guidance_scale:g}, Seed: {seed}, Size: {request.width}x{request.height}, "
        f"Model: {request.model}"
    )
    return "\n".join([request.prompt, *negative, settings])
