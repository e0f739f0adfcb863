"""Wildcards and plans over HTTP: what is offered, what is chosen, and how many jobs it makes."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.settings import Settings
from tests.app.conftest import MODELS

ANIMALS = ["fox", "hen", "owl", "cow", "cat", "dog", "ant"]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    settings.catalog.write_text(f"{MODELS}\n[wildcards]\nanimal = {ANIMALS}\n")
    return settings


def asked(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/generations", json=body)
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def test_they_are_listed(client: TestClient) -> None:
    [row] = client.get("/v1/wildcards").json()["data"]
    assert row == {"name": "animal", "count": 7, "examples": ANIMALS[:5]}


def test_a_job_tells_what_was_chosen_and_its_recipe_draws_it_again(client: TestClient) -> None:
    job = asked(client, prompt="a __animal__ by __nobody__", seed=41)

    chosen = job["parameters"]["prompt"].split()[1]
    assert chosen in ANIMALS
    assert f"__animal__ became '{chosen}'" in job["notes"]
    assert "there is no wildcard '__nobody__': it stands as it is" in job["notes"]
    assert job["seeds"] == [41]
    assert asked(client, prompt="a __animal__ by __nobody__", seed=41)["parameters"] == job["parameters"]
    assert len({asked(client, prompt="a __animal__", seed=seed)["parameters"]["prompt"] for seed in range(20)}) > 3


def test_without_a_seed_the_one_that_chose_is_drawn_by(client: TestClient) -> None:
    job = asked(client, prompt="a __animal__")

    again = asked(client, prompt="a __animal__", seed=job["seeds"][0])

    assert again["parameters"]["prompt"] == job["parameters"]["prompt"]


def test_in_a_group_each_picture_has_its_own(client: TestClient) -> None:
    body = {"prompt": "a __animal__", "n": 4, "seed": 5}

    plan = client.post("/v1/group-plans", json=body).json()
    group = client.post("/v1/groups", json=body).json()

    assert (plan["jobs"], plan["pictures"]) == (4, 4)
    jobs = [client.get(each["url"]).json() for each in group["generations"]]
    assert [job["seeds"] for job in jobs] == [[5], [6], [7], [8]]
    prompts = [job["parameters"]["prompt"] for job in jobs]
    assert len(set(prompts)) > 1
    assert plan["prompts"] == prompts


class TestPlans:
    def test_a_plan_counts_and_submits_nothing(self, client: TestClient) -> None:
        plan = client.post("/v1/group-plans", json={"prompt": "a {red, blue} {fox, hen} --repeat 2", "n": 2}).json()

        assert (plan["jobs"], plan["pictures"]) == (8, 16)
        assert plan["prompts"][0] == "a red fox"
        assert len(plan["prompts"]) == 8
        assert plan["cost"] == 16 * 256 * 256 * 20
        assert client.get("/v1/generations").json()["data"] == []
        assert client.get("/v1/groups").json()["data"] == []

    @pytest.mark.parametrize("prompt", ["a fox --aspects 2", "a {a,b,c,d,e,f,g} {a,b,c,d,e,f,g} fox", ""])
    def test_what_would_be_refused_is(self, client: TestClient, prompt: str) -> None:
        planned = client.post("/v1/group-plans", json={"prompt": prompt})
        submitted = client.post("/v1/groups", json={"prompt": prompt})

        assert planned.status_code == submitted.status_code == 400
        assert planned.json() == submitted.json()

    def test_too_many_pictures_by_wildcards(self, client: TestClient) -> None:
        body = {"prompt": "a {a, b, c, d, e, f, g, h, i, j, k} __animal__", "n": 4}

        response = client.post("/v1/group-plans", json=body)

        assert (response.status_code, response.json()["error"]["param"]) == (400, "n")

    def test_an_input_without_a_picture_is_refused(self, client: TestClient) -> None:
        for path in ("/v1/generations", "/v1/groups", "/v1/group-plans"):
            response = client.post(path, json={"prompt": "a fox", "inputs": {"mask": []}})

            assert (response.status_code, response.json()["error"]["param"]) == (400, "inputs.mask")
            assert "must name a picture at least" in response.json()["error"]["message"]
