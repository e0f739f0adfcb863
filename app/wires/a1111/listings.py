"""What AUTOMATIC1111's clients ask before and while they draw: options, models, samplers, progress, interrupt."""

from __future__ import annotations

import base64
from typing import Any, Final

from fastapi import APIRouter

from app.auth.access import needs
from app.http.json_bodies import JsonRoute
from app.jobs.samplers import samplers_of, schedules_of
from app.services import AllowedAdapters, Owner, Services, ServicesOf
from app.wires.a1111.control_units import SCRIPT
from app.wires.a1111.fields import Options
from app.wires.a1111.labels import LABEL, part_of
from app.wires.a1111.translation import model_of
from app.wires.a1111.upscalers import LATENT_MODES, listed
from core.errors import NotFound
from core.jobs import Job, Stage, Status
from core.keys import Scope

router = APIRouter(
    prefix="/sdapi/v1",
    route_class=JsonRoute,
    include_in_schema=False,
    dependencies=[needs(Scope.READ, basic=True)],
)

EMBEDDING: Final = {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None, "shape": None, "vectors": None}
"""What clients may ask of an embedding: only a worker has read its file."""

LOOKED_AT: Final = 100
"""How many of the newest jobs are searched for those that still run."""


@router.get("/options")
def get_options(services: ServicesOf, owner: Owner) -> dict[str, Any]:
    """The model that is drawn with, and what clients look up beside it."""
    return {
        "sd_model_checkpoint": chosen(services, owner),
        "sd_checkpoint_hash": "",
        "sd_vae": "Automatic",
        "samples_format": "png",
        "CLIP_stop_at_last_layers": 1,
    }


@router.post("/options", dependencies=[needs(Scope.GENERATE, metered=True, basic=True)])
def set_options(body: Options, services: ServicesOf, owner: Owner) -> None:
    """Choose the model for all later calls with this key. Other options are let go."""
    if body.sd_model_checkpoint:
        services.selected_models.choose(owner, model_of(body.sd_model_checkpoint, services.catalog).id)


@router.get("/sd-models")
def list_models(services: ServicesOf) -> list[dict[str, Any]]:
    """Titles are ids and aliases: there are no checkpoint files to tell apart by their hashes."""
    return [
        {
            "title": name,
            "model_name": name,
            "hash": None,
            "sha256": None,
            "filename": name,
            "config": None,
        }
        for model in services.catalog.drawing
        for name in (model.id, *model.aliases)
    ]


@router.get("/samplers")
def list_samplers(services: ServicesOf) -> list[dict[str, Any]]:
    """Those that some model of this server takes."""
    listed = samplers_of(services.catalog.drawing)
    return [{"name": name, "aliases": list(aliases), "options": {}} for name, aliases in listed.items()]


@router.get("/schedulers")
def list_schedulers(services: ServicesOf) -> list[dict[str, Any]]:
    """Noise schedules that some model of this server takes with one of its samplers."""
    return [
        {"name": name, "label": label, "aliases": list(aliases) or None, "default_rho": -1.0, "need_inner_model": False}
        for name, label, aliases in schedules_of(services.catalog.drawing)
    ]


@router.get("/upscalers")
def list_upscalers(services: ServicesOf) -> list[dict[str, Any]]:
    """What the extras and hires fix may name."""
    return listed(services.catalog)


@router.get("/latent-upscale-modes")
def list_latent_modes() -> list[dict[str, str]]:
    """What hires fix may name besides; all of them are Lanczos here, and the answer says so."""
    return [{"name": name} for name in LATENT_MODES]


@router.get("/loras")
def list_loras(services: ServicesOf, allowed: AllowedAdapters) -> list[dict[str, Any]]:
    """Those of the catalogue: what `<lora:name:weight>` in a prompt may name, with a model that they go with."""
    return [
        {
            "name": row.id,
            "alias": row.id,
            "path": row.source,
            "metadata": {"ss_base_model": row.family, "trigger_words": list(row.trigger_words)},
        }
        for row in services.catalog.adapters
        if row.kind == "lora" and allowed(row.id)
    ]


@router.get("/scripts")
def list_scripts() -> dict[str, list[str]]:
    """What `alwayson_scripts` may name."""
    return {"txt2img": [SCRIPT], "img2img": [SCRIPT]}


@router.get("/embeddings")
def list_embeddings(services: ServicesOf, owner: Owner) -> dict[str, Any]:
    """Textual inversions: those of the chosen model, and, skipped, what others have."""
    model = services.catalog.model(chosen(services, owner))
    others = {word for other in services.catalog.models for word in other.embeddings} - model.embeddings.keys()
    return {
        "loaded": {word: EMBEDDING for word in sorted(model.embeddings)},
        "skipped": {word: EMBEDDING for word in sorted(others)},
    }


@router.get("/progress")
def get_progress(services: ServicesOf, owner: Owner, skip_current_image: bool = False) -> dict[str, Any]:
    """Of the job that has waited longest among those of these clients."""
    job = next(iter(reversed(_unfinished(services, owner))), None)
    step, steps = _steps(job)
    part, parts = part_of(job) if job else (0, 1)
    preview = services.previews.latest(job.id) if job and not skip_current_image else None
    state = {
        "skipped": False,
        "interrupted": False,
        "stopping_generation": False,
        "job": job.id if job else "",
        "job_count": parts if job else 0,
        "job_timestamp": f"{job.created_at:%Y%m%d%H%M%S}" if job else "0",
        "job_no": part,
        "sampling_step": step,
        "sampling_steps": steps,
    }
    return {
        "progress": (part + (step / steps if steps else 0.0)) / parts,
        "eta_relative": 0.0,
        "state": state,
        "current_image": base64.b64encode(preview.jpeg).decode() if preview else None,
        "textinfo": None,
    }


@router.post("/interrupt", dependencies=[needs(Scope.GENERATE, basic=True)])
def interrupt(services: ServicesOf, owner: Owner) -> dict[str, Any]:
    """Cancel what these clients have asked for with this key, and nothing else; calls of several jobs end, too."""
    services.interruptions.add(owner)
    for job in _unfinished(services, owner):
        services.jobs.cancel(job.id)
    return {}


def chosen(services: Services, owner: str) -> str:
    """The key's choice; the default if it has made none, or its model is gone."""
    try:
        return model_of(services.selected_models.chosen(owner), services.catalog).id
    except NotFound:
        return services.catalog.default


def _unfinished(services: Services, owner: str) -> list[Job]:
    """Newest first."""
    jobs = services.jobs.list(owner, before=None, limit=LOOKED_AT).jobs
    return [job for job in jobs if not job.is_terminal and LABEL.items() <= job.metadata.items()]


def _steps(job: Job | None) -> tuple[int, int]:
    """Done and to do; a job that is past its denoising has all of them behind it."""
    if job is None or job.status is not Status.RUNNING or job.progress is None:
        return 0, job.request.parameters.steps if job else 0
    if job.progress.stage in (Stage.DECODE, Stage.STORE):
        return job.request.parameters.steps, job.request.parameters.steps
    return job.progress.step, job.progress.steps or job.request.parameters.steps
