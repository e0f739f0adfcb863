"""The names that AUTOMATIC1111's clients have for samplers lead to ours, and those in our pictures lead back."""

from __future__ import annotations

import pytest

from app.jobs.samplers import sampling_for
from core.catalog.model import Model
from core.errors import InvalidRequest
from core.schedulers import SHOWN, SHOWN_SCHEDULES, NoiseSchedule, Scheduler

SD = Model.model_validate({"id": "sd", "source": "sd", "family": "sdxl", "scheduler": "euler"})
FLOW = Model.model_validate({"id": "flow", "source": "flow", "family": "flux", "scheduler": "flow-match-euler"})

OF_AUTOMATIC1111 = (
    "DPM++ 2M,DPM++ SDE,DPM++ 2M SDE,DPM++ 2M SDE Heun,DPM++ 2S a,DPM++ 3M SDE,Euler a,Euler,LMS,Heun,DPM2,DPM2 a,"
    "DPM fast,DPM adaptive,Restart,DDIM,DDIM CFG++,PLMS,UniPC,LCM"
).split(",")
SCHEDULES = (
    "Automatic,Uniform,Karras,Exponential,Polyexponential,SGM Uniform,KL Optimal,Align Your Steps,Simple,Normal,DDIM,"
    "Beta"
).split(",")
WITHOUT_IT = {"DPM++ 2S a", "DPM fast", "DPM adaptive", "Restart", "DDIM CFG++"}


@pytest.mark.parametrize("name", OF_AUTOMATIC1111)
def test_every_sampler_of_the_web_ui_is_drawn_with(name: str) -> None:
    for model in (SD, FLOW):
        found = sampling_for(name, None, model)
        assert found.scheduler in model.schedulers
    # and what diffusers has not is said
    assert bool(sampling_for(name, None, SD).notes) is (name in WITHOUT_IT)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_type_of_the_web_ui_is_drawn_with(schedule: str) -> None:
    for model in (SD, FLOW):
        for name in OF_AUTOMATIC1111:
            found = sampling_for(name, schedule, model)
            assert found.noise_schedule in model.noise_schedules[found.scheduler]
    assert bool(sampling_for("DPM++ 2M", schedule, SD).notes) is (schedule in {"KL Optimal", "Align Your Steps"})


@pytest.mark.parametrize("model", [SD, FLOW], ids=["sd", "flow"])
def test_the_names_in_our_pictures_lead_back(model: Model) -> None:
    for scheduler, schedules in model.noise_schedules.items():
        for schedule in schedules:
            found = sampling_for(SHOWN[scheduler], SHOWN_SCHEDULES[schedule], model)
            assert (found.scheduler, found.noise_schedule, found.notes) == (scheduler, schedule, ())


@pytest.mark.parametrize(
    ("name", "scheduler", "schedule"),
    [
        ("DPM++ 2M Karras", Scheduler.DPMPP_2M, NoiseSchedule.KARRAS),
        ("DPM++ 2M SDE SGM Uniform", Scheduler.DPMPP_2M_SDE, NoiseSchedule.TRAILING),
        ("k_dpmpp_2m_ka", Scheduler.DPMPP_2M, NoiseSchedule.KARRAS),
        ("k_dpm_2_a", Scheduler.DPM2_ANCESTRAL, NoiseSchedule.AUTOMATIC),
        ("euler A", Scheduler.EULER_ANCESTRAL, NoiseSchedule.AUTOMATIC),
    ],
)
def test_older_spellings(name: str, scheduler: Scheduler, schedule: NoiseSchedule) -> None:
    found = sampling_for(name, None, SD)
    assert (found.scheduler, found.noise_schedule, found.notes) == (scheduler, schedule, ())


def test_a_sampler_that_starts_from_noise_gives_way_where_a_picture_is_given() -> None:
    found = sampling_for("PLMS", None, SD, strength=0.5)
    assert (found.scheduler, len(found.notes)) == (Scheduler.DDIM, 1)


def test_names_that_nobody_knows_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="did you mean 'Euler a'"):
        sampling_for("Euler aa", None, SD)
    with pytest.raises(InvalidRequest, match="there is no schedule type 'Carras'"):
        sampling_for("Euler", "Carras", SD)
