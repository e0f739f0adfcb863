"""Pictures to go by for models that know words alone: put into words, whose states are mixed with the prompt's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from core.catalog.adapter import AdapterRow
from core.catalog.catalog import Catalog
from core.media import Guide
from tests.network_files import write_networks
from tests.worker.engine.drawings import a_request, draw_all, guided_by, plain_pipeline
from tests.worker.engine.test_references import SEEN
from worker.contract import DrawRequest, Failed, Finished
from worker.pipelines.models import Models

TOLERANCE = 1e-4 + 0.5 / 255


@pytest.fixture(scope="module")
def models(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """The tiny models, and a describer for those that may have one."""
    folder = tmp_path_factory.mktemp("words")
    write_networks(folder)
    row = AdapterRow(
        id="words", kind="describer", source=str(folder / "describer.safetensors"), models=("sd15", "sdxl")
    )
    return Models(catalog.evolve(adapters=(row,)), device="cpu", max_resident=len(catalog.models))


def referring(model: str, *weights: float, **told: Any) -> DrawRequest:
    guides = [Guide(adapter="words", weight=weight) for weight in weights]
    return guided_by(a_request(model, **told), "reference", guides, SEEN)


def drawn(models: Models, *requests: DrawRequest) -> list[Finished]:
    events = draw_all(models, requests)
    assert all(isinstance(event, Finished) for event in events), events
    return [event for event in events if isinstance(event, Finished)]


@pytest.mark.parametrize(("guidance", "prompt"), [(5.0, "a red apple"), (1.0, "a red apple"), (5.0, "")])
def test_a_picture_is_the_mean_of_its_words_and_of_the_prompt(models: Models, guidance: float, prompt: str) -> None:
    # Given a request with two pictures to go by, drawn beside one without
    request = referring("sd15", 1.0, 0.5, prompt=prompt, guidance_scale=guidance, negative_prompt="blur")
    made, _ = drawn(models, request, a_request("sd15", seed=4))
    # Then the job is told what they were taken for
    words = [note.partition("taken for: ")[2] for note in made.notes if "taken for" in note]
    assert len(words) == 2
    # And stock diffusers draws the same from the mean of the states of these words
    pipeline, arguments = plain_pipeline(models, request)
    texts = [*([(prompt, 1.0)] if prompt else []), (words[0], 1.0), (words[1], 0.5)]
    with torch.no_grad():
        states = [pipeline.encode_prompt(text, "cpu", 1, False)[0] * weight for text, weight in texts]
        negative = pipeline.encode_prompt("blur", "cpu", 1, False)[0]
    mixed = sum(states) / sum(weight for _, weight in texts)
    arguments |= {"prompt": None, "prompt_embeds": mixed, "negative_prompt": None}
    picture = pipeline(**arguments, negative_prompt_embeds=negative).images[0]
    assert (made.result.permute(2, 0, 1) / 255 - picture).abs().max() <= TOLERANCE


def test_a_model_of_two_text_encoders_is_told_apart(models: Models) -> None:
    event = draw_all(models, [referring("sdxl", 1.0)])[0]
    assert isinstance(event, Failed)
    assert event.error.code == "adapter_not_fitting"
    assert "one text encoder" in event.error.message


def test_a_file_that_is_no_describer_is_said_to_be(catalog: Catalog, tmp_path: Path) -> None:
    write_networks(tmp_path)
    row = AdapterRow(id="words", kind="describer", source=str(tmp_path / "up4.safetensors"), models=("sd15",))
    models = Models(catalog.evolve(adapters=(row,)), device="cpu")
    event = draw_all(models, [referring("sd15", 1.0)])[0]
    assert isinstance(event, Failed)
    assert "no describer with its words" in event.error.message
