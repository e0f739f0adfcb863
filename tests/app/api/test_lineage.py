"""Where a generation came from and what was made of it."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient
from pydantic import SecretStr

from core.settings import Settings
from tests.app.api.test_inputs import drawn
from tests.app.conftest import KEY, OTHER_KEY, Connect
from tests.app.fake_worker import FakeWorker


def family(client: TestClient, job_id: str) -> dict[str, list[str]]:
    """The parents of each of the family, by id, oldest first."""
    response = client.get(f"/v1/generations/{job_id}/lineage")
    assert response.status_code == 200, response.text
    nodes: list[dict[str, Any]] = response.json()["nodes"]
    return {node["id"]: [parent["generation"] for parent in node["parents"]] for node in nodes}


def test_a_family_of_three_generations(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    # Given a picture, two that were made of it, and one that was made of one of these
    first = drawn(client, worker, settings)
    second, third = (drawn(client, worker, settings, inputs={"image": {"generation": first, "index": 0}}) for _ in "ab")
    fourth = drawn(client, worker, settings, inputs={"image": {"generation": third, "index": 0}})

    # Then whoever is asked tells of all, oldest first
    expected = {first: [], second: [first], third: [first], fourth: [third]}
    for job_id in expected:
        assert family(client, job_id) == expected
        assert list(family(client, job_id)) == list(expected)


def test_what_was_deleted_is_known_by_its_id(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    first = drawn(client, worker, settings)
    second = drawn(client, worker, settings, inputs={"image": {"generation": first, "index": 0}})
    assert client.delete(f"/v1/generations/{first}").status_code == 204

    nodes = client.get(f"/v1/generations/{second}/lineage").json()["nodes"]

    assert [(node["id"], node["status"], node["task"], len(node["outputs"])) for node in nodes] == [
        (first, None, None, 0),
        (second, "succeeded", "image-to-image", 1),
    ]


def test_each_is_shown_with_its_words_and_pictures(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    # Given two pictures of one job, and a third whose words are very long, which was made of one of them
    first = drawn(client, worker, settings, prompt="a fox", n=2)
    second = drawn(client, worker, settings, prompt="a" * 300, inputs={"image": {"generation": first, "index": 0}})
    # When the family is asked for
    nodes = client.get(f"/v1/generations/{second}/lineage").json()["nodes"]
    # Then each has as many words as fit, and the same outputs as the job itself
    assert [node["prompt"] for node in nodes] == ["a fox", "a" * 200]
    assert [node["outputs"] for node in nodes] == [
        client.get(f"/v1/generations/{job}").json()["outputs"] for job in (first, second)
    ]
    assert len(nodes[0]["outputs"]) == 2


def test_one_alone_is_a_family_too(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    first = drawn(client, worker, settings)

    assert family(client, first) == {first: []}
    assert client.get(f"/v1/generations/{'gen_' + 40 * '0'}/lineage").status_code == 404


def test_a_family_is_its_owner_s(connect: Connect, worker: FakeWorker, settings: Settings) -> None:
    with connect(api_keys=(SecretStr(KEY), SecretStr(OTHER_KEY))) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        first = drawn(client, worker, settings)
        client.headers["Authorization"] = f"Bearer {OTHER_KEY}"

        assert client.get(f"/v1/generations/{first}/lineage").status_code == 404
