"""A task of a new medium: what a job of it comes to with three files and no line anywhere else."""

from __future__ import annotations

from core import tasks
from core.jobs import Status
from core.media import Output
from tests.worker.added_modules import AddModule
from tests.worker.job_worker import Worker
from worker import outputs
from worker.pipelines import families

HUM = """
    from core.media import Format, Medium
    from core.tasks import Task
    from core.tasks.diffusion import DiffusionParameters

    SOUND = Medium(name="sound", formats=(Format(name="wav", media_type="audio/wav", extension="wav"),))
    TASK = Task(name="hum", title="A tune.", parameters=DiffusionParameters, medium=SOUND, implied=False)
"""
ENCODE_SOUND = """
    from worker.outputs import Encoded

    def encode(result, request, seed, inputs):
        return Encoded(bytes([seed, *result.tolist()]), {"seconds": len(result) / 2})
"""
HUMMING = """
    import torch
    from diffusers import StableDiffusionPipeline
    from worker.pipelines.traits import Traits

    class Hum(StableDiffusionPipeline):
        def __call__(self, prompt, num_inference_steps=2, generator=None):
            return ([torch.arange(num_inference_steps)],)

    TRAITS = Traits(families=frozenset({"sd15"}), pipelines={"hum": Hum})
"""


def test_a_task_of_another_medium_is_three_files_and_no_line_anywhere_else(
    worker: Worker, add_module: AddModule
) -> None:
    # Given a task, what draws it for a family that there is, and what makes files of its medium
    add_module(tasks, "hum", HUM)
    add_module(families, "humming", HUMMING)
    add_module(outputs, "sound", ENCODE_SOUND)
    # When a job of it is worked off
    job_id = worker.submit(task="hum", output=Output(format="wav"), seeds=(5, 6))
    worker.run()
    # Then its artifacts are of that medium
    job = worker.job(job_id)
    assert (job.status, job.error) == (Status.SUCCEEDED, None)
    assert [(output.key, output.medium, output.facts) for output in job.outputs] == [
        (f"{job_id}/1/{index}.wav", "audio/wav", {"seconds": 1.5}) for index in range(2)
    ]
    assert worker.results.read(job.outputs[1].key) == b"\x06\x00\x01\x02"
