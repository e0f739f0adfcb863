"""`prompt_parameters` over HTTP: what a prompt asks for is what the job is told, and where its pictures come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from core.infotext import infotext
from core.jobs import GenerationRequest
from core.settings import Settings
from tests.app.api.test_children import parent
from tests.app.api.test_guides import ADAPTERS
from tests.app.api.test_inputs import refused, submit
from tests.app.conftest import MODELS, connected
from tests.app.fake_worker import FakeWorker
from tests.app.wires.openai.files import file_of

READS_ITSELF = """
[kontext]
source = "kontext"
family = "flux"
references = 2
"""


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    settings.catalog.write_text(MODELS + READS_ITSELF + ADAPTERS)
    with connected(settings) as client:
        yield client


def asked(client: TestClient, prompt: str, **body: Any) -> dict[str, Any]:
    return submit(client, prompt=prompt, prompt_parameters=True, **body)


def refusal(client: TestClient, prompt: str, **body: Any) -> dict[str, Any]:
    return refused(client, prompt=prompt, prompt_parameters=True, **body)


def uploaded(client: TestClient, colour: str = "red") -> str:
    picture = file_of(Image.new("RGB", (64, 64), colour))
    upload: str = client.post("/v1/uploads", files={"file": ("p.png", picture)}).json()["id"]
    return upload


def test_the_job_is_told_what_the_prompt_says(client: TestClient) -> None:
    job = asked(client, "a fox --ar 3:2 --seed 7 --no hat --chaos 20 --weird 90 --tile --q .5 --v 7", n=2)
    told = job["parameters"]
    assert (told["prompt"], told["negative_prompt"]) == ("a fox", "hat")
    assert (told["width"], told["height"], told["num_inference_steps"]) == (288, 192, 10)
    assert (told["chaos"], told["weird"], told["tiling"]) == (20, 90, True)
    assert job["seeds"] == [7, 8]
    assert job["notes"] == ["'--v 7' names a model of Midjourney's and changes nothing: the request's model draws"]


def test_the_recipe_is_of_what_is_drawn(client: TestClient) -> None:
    job = asked(client, "a fox::2 a cat --s 200 --seed 3")
    request = GenerationRequest.model_validate(
        {name: job[name] for name in ("task", "model", "parameters", "seeds", "output")}
    )
    text = infotext(request, 3)
    assert text.startswith("(a fox:1.33), (a cat:0.67)\n")
    assert "CFG scale: 5.6" in text
    assert "--" not in text


def test_without_the_field_a_prompt_is_words(client: TestClient) -> None:
    assert submit(client, prompt="a {red} fox --ar 3:2")["parameters"]["prompt"] == "a {red} fox --ar 3:2"


def test_pictures_of_the_prompt_guide(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    # Given a finished picture, and an upload
    job, _ = parent(client, worker, settings)
    upload = uploaded(client)
    # When a prompt begins with one and has the other as its style
    guided = asked(client, f"{job} a fox --iw 2 --sref {upload} --sw 50")
    # Then both are references, weighed, and the first one's job is the parent
    assert [(each["role"], each["guide"]["adapter"], each["guide"]["weight"]) for each in guided["inputs"]] == [
        ("reference", "go-by", 2),
        ("reference", "go-by", 0.5),
    ]
    assert guided["parents"] == [{"generation": job, "index": 0}]
    assert guided["parameters"]["prompt"] == "a fox"
    assert guided["notes"] == ["'--sref' is read as a whole: what it shows guides along with its style"]


def test_pictures_weigh_against_each_other(client: TestClient) -> None:
    red, blue = uploaded(client), uploaded(client, "blue")
    guided = asked(client, f"{red}::2 {blue}::1 --iw 1")
    assert [each["guide"]["weight"] for each in guided["inputs"]] == [1, 0.5]
    assert guided["parameters"]["prompt"] == ""
    unweighed = asked(client, f"{red} {blue} a fox")
    assert [each["guide"]["weight"] for each in unweighed["inputs"]] == [0.6, 0.6]


def test_iw_weighs_pictures_that_came_beside_the_prompt(client: TestClient) -> None:
    files = {"reference": ("r.png", file_of(Image.new("RGB", (64, 64))))}
    form = {"prompt": "a fox --iw 1.5", "prompt_parameters": "true"}
    job = client.post("/v1/generations", data=form, files=files).json()
    assert [each["guide"]["weight"] for each in job["inputs"]] == [1.5]
    alone = client.post("/v1/generations", data={**form, "prompt": "--iw 1.5 --ar 3:2"}, files=files).json()
    assert (alone["parameters"]["prompt"], alone["parameters"]["width"]) == ("", 288)
    said = {"reference": [{"image": {"upload": uploaded(client)}, "weight": 1.0}]}
    assert "contradict" in refusal(client, "a fox --iw 2", inputs=said)["message"]


def test_a_model_that_reads_pictures_itself_weighs_none(client: TestClient) -> None:
    job = asked(client, f"{uploaded(client)} a fox --iw 2", model="kontext")
    assert job["notes"] == ["'--iw 2' changes nothing: model 'kontext' reads pictures itself, by no weight"]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a {red, blue} fox", "2 jobs, and this address takes one: send it to POST /v1/groups"),
        ("a fox --repeat 3", "3 jobs"),
        (f"upl_{'0' * 40} a fox", "there is no upload"),
        (f"gen_{'0' * 40} a fox", "there is no generation"),
        ("http://127.0.0.1:1/a.png a fox", "prompt"),
        ("a fox --ar 16:9 --foo", "there is no parameter '--foo'"),
    ],
)
def test_what_is_wrong_is_the_prompt(client: TestClient, prompt: str, words: str) -> None:
    error = refusal(client, prompt)
    assert (error["param"], words in error["message"]) == ("prompt", True)


def test_five_pictures_to_go_by_are_one_too_many(client: TestClient) -> None:
    names = " ".join(uploaded(client, colour) for colour in ("red", "blue", "green", "black", "white"))
    assert "over the 4 of one generation" in refusal(client, f"{names} a fox")["message"]
