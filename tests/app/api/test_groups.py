"""Groups: forty jobs in one prompt, canceled half way, seen on one sheet; all of them or none, and only one's own."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import SecretStr
from redis import Redis

from core.keys import KeyPolicy, Scope
from core.results import ResultStore
from core.settings import Settings
from core.store import Claim, KeyStore
from tests.app.conftest import KEY, OTHER_KEY, Connect
from tests.app.fake_worker import FakeWorker
from tests.app.wires.openai.files import file_of

FORTY = "a {red, blue, green, black, white} {fox, cat, dog, bee} {at night, by day} --ar 3:2"
COLOURS = ("red", "blue", "green", "black", "white")
GREY, PAPER = (232, 232, 232), (255, 255, 255)


def asked(client: TestClient, prompt: str, headers: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/groups", json={"prompt": prompt, **body}, headers=headers)
    assert answer.status_code == 202, answer.text
    group: dict[str, Any] = answer.json()
    return group


def draw(worker: FakeWorker, settings: Settings, colour: str) -> Claim:
    """The next job, finished with pictures of one colour."""
    claim = worker.claim()
    worker.finish(claim)
    for index in range(len(claim.job.request.seeds)):
        key = f"{claim.job.id}/{claim.attempt}/{index}.png"
        ResultStore(settings.results_location).put(key, file_of(Image.new("RGB", (96, 64), colour)))
    return claim


def sheet_of(client: TestClient, group: dict[str, Any]) -> Image.Image:
    answer = client.get(group["urls"]["sheet"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    return Image.open(io.BytesIO(answer.content))


def test_forty_jobs_canceled_half_way(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    # Given forty permutations, of which eight are drawn and one is being drawn
    group = asked(client, FORTY)
    assert (group["object"], group["status"], group["counts"]["queued"]) == ("group", "queued", 40)
    assert [each["label"] for each in group["generations"][:3]] == [
        "red, fox, at night",
        "red, fox, by day",
        "red, cat, at night",
    ]
    first = client.get(group["generations"][0]["url"]).json()
    assert first["parameters"]["prompt"] == "a red fox at night"
    drawn = [draw(worker, settings, "red").job.id for _ in range(8)]
    running = worker.claim()
    seen = client.get(group["urls"]["get"])
    assert (seen.json()["status"], seen.headers["retry-after"]) == ("running", "1")
    assert (seen.json()["counts"]["succeeded"], seen.json()["counts"]["running"]) == (8, 1)

    # When the group is canceled, and the worker lets go
    canceled = client.post(group["urls"]["cancel"])
    assert canceled.status_code == 200
    worker.cancel(running)

    # Then what was drawn stays, and nothing else is ever drawn
    over = client.get(group["urls"]["get"]).json()
    assert (over["status"], over["counts"]["succeeded"], over["counts"]["canceled"]) == ("canceled", 8, 32)
    assert [each["id"] for each in over["generations"] if each["outputs"]] == drawn
    with pytest.raises(AssertionError, match="no job waits"):
        worker.claim()
    assert client.post(group["urls"]["cancel"]).json()["counts"] == over["counts"]


def test_the_sheet_has_every_picture_in_its_place(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    # Given two of five jobs drawn
    group = asked(client, "a {red, blue, green, black, white} fox")
    for colour in COLOURS[:2]:
        draw(worker, settings, colour)
    # When the sheet is looked at
    sheet = sheet_of(client, group)
    # Then it is three by two cells with labels; the pictures lie whole in the middle of theirs, the others are empty
    assert sheet.size == (8 + 3 * 264, 8 + 2 * (264 + 18))
    middles = [(8 + 264 * (place % 3) + 128, 8 + 282 * (place // 3) + 128) for place in range(6)]
    assert [sheet.getpixel(middle) for middle in middles] == [(255, 0, 0), (0, 0, 255), GREY, GREY, GREY, PAPER]
    assert sheet.getpixel((8 + 128, 8 + 20)) == PAPER
    band = sheet.crop((8, 8 + 256, 8 + 256, 8 + 256 + 18)).convert("L")
    assert band.getextrema()[0] < 128, "there is no label below the first cell"
    # And a picture more makes it another sheet
    answer = client.get(group["urls"]["sheet"])
    same = {"If-None-Match": answer.headers["etag"]}
    assert client.get(group["urls"]["sheet"], headers=same).status_code == 304
    draw(worker, settings, "green")
    fresh = client.get(group["urls"]["sheet"], headers=same)
    assert Image.open(io.BytesIO(fresh.content)).getpixel(middles[2]) == (0, 128, 0)


def test_pictures_of_one_job_share_a_row(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    group = asked(client, "a {red, blue} fox", n=4)
    draw(worker, settings, "red")
    sheet = sheet_of(client, group)
    assert sheet.size == (8 + 4 * 264, 8 + 2 * (264 + 18))
    assert [sheet.getpixel((8 + 264 * column + 128, 136)) for column in range(4)] == [(255, 0, 0)] * 4


def test_a_picture_that_cannot_be_read_leaves_its_place_empty(
    client: TestClient, worker: FakeWorker, settings: Settings
) -> None:
    group = asked(client, "a {red, blue} fox")
    worker.draw_next()  # what it stores is no picture
    draw(worker, settings, "blue")
    sheet = sheet_of(client, group)
    assert (sheet.getpixel((136, 136)), sheet.getpixel((400, 136))) == (GREY, (0, 0, 255))


@pytest.mark.parametrize(
    ("limits", "status", "words"),
    [
        ({"max_queued_per_key": 40}, 429, "1 jobs waiting, and 40 more are over the limit of your key"),
        ({"max_queued": 40}, 503, "no room for 40 jobs more (1 waiting)"),
        ({"images_per_day_per_key": 40}, 429, "used 1 of its 40 pictures"),
    ],
)
def test_all_of_it_is_accepted_or_nothing(connect: Connect, limits: dict[str, int], status: int, words: str) -> None:
    with connect(**limits) as client:
        # Given room for less than forty jobs
        client.post("/v1/generations", json={"prompt": "a fox"})
        # When forty are asked for
        answer = client.post("/v1/groups", json={"prompt": FORTY}, headers={"Idempotency-Key": "forty"})
        # Then there is none of them, and the same key may be tried again
        assert (answer.status_code, words in answer.json()["error"]["message"]) == (status, True), answer.text
        assert int(answer.headers["retry-after"]) >= 1
        assert len(client.get("/v1/generations").json()["data"]) == 1
        assert client.get("/v1/groups").json()["data"] == []
        few = client.post("/v1/groups", json={"prompt": "a {red, blue} fox"}, headers={"Idempotency-Key": "forty"})
        assert few.status_code == 202


def test_files_of_a_refused_group_go_again(connect: Connect, settings: Settings) -> None:
    picture = file_of(Image.new("RGB", (64, 64)))
    with connect(max_queued_per_key=2) as client:
        client.post("/v1/generations", json={"prompt": "a fox"})
        form = {"prompt": "a {red, blue} fox"}
        assert client.post("/v1/groups", data=form, files={"image": ("p.png", picture)}).status_code == 429
    left = [path for path in (settings.data_dir / "results").rglob("*") if path.is_file()]
    assert left == []


def test_more_than_may_ever_wait_is_refused_for_good(connect: Connect) -> None:
    with connect(max_queued_per_key=10) as client:
        answer = client.post("/v1/groups", json={"prompt": FORTY})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "prompt")
    assert "40 jobs are more than the 10 that may wait at once" in answer.json()["error"]["message"]


def test_a_group_is_forgotten_with_the_last_of_its_jobs(client: TestClient, worker: FakeWorker) -> None:
    group = asked(client, "a {red, blue} fox")
    client.post(group["urls"]["cancel"])
    for job in group["generations"]:
        assert client.delete(f"/v1/generations/{job['id']}").status_code == 204
    assert client.get(group["urls"]["get"]).status_code == 404


def test_one_wrong_job_is_a_wrong_group(client: TestClient) -> None:
    answer = client.post("/v1/groups", json={"prompt": "a fox --ar {1:1, wide}"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "prompt")
    wrong = client.post("/v1/groups", json={"prompt": "a {red, blue} fox", "width": 250})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "width")
    assert client.get("/v1/generations").json()["data"] == []


def test_the_same_request_again_is_the_same_group(client: TestClient) -> None:
    key = {"Idempotency-Key": "order-1"}
    first = asked(client, "a {red, blue} fox", key)
    again = client.post("/v1/groups", json={"prompt": "a {red, blue} fox"}, headers=key)
    assert (again.json()["id"], again.headers["idempotency-replayed"]) == (first["id"], "true")
    assert [each["id"] for each in again.json()["generations"]] == [each["id"] for each in first["generations"]]
    assert len(client.get("/v1/generations").json()["data"]) == 2
    assert client.post("/v1/groups", json={"prompt": "a {red, green} fox"}, headers=key).status_code == 422
    assert client.post("/v1/generations", json={"prompt": "a {red, blue} fox"}, headers=key).status_code == 422


def test_many_at_once_with_one_key_are_one_group(client: TestClient) -> None:
    key = {"Idempotency-Key": "order-2"}
    with ThreadPoolExecutor(8) as pool:
        ids = {group["id"] for group in pool.map(lambda _: asked(client, "a {red, blue} fox", key), range(8))}
    assert len(ids) == 1
    assert len(client.get("/v1/generations").json()["data"]) == 2


def test_a_deleted_group_s_key_is_used_up(client: TestClient) -> None:
    key = {"Idempotency-Key": "order-3"}
    group = asked(client, "a {red, blue} fox", key)
    assert client.delete(group["urls"]["get"]).json()["error"]["code"] == "job_not_finished"
    client.post(group["urls"]["cancel"])
    assert client.delete(group["urls"]["get"]).status_code == 204
    assert client.get(group["urls"]["get"]).status_code == 404
    assert client.get(group["generations"][0]["url"]).status_code == 404
    assert client.post("/v1/groups", json={"prompt": "a {red, blue} fox"}, headers=key).status_code == 422


def test_jobs_that_are_gone_are_told(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    group = asked(client, "a {red, blue} fox")
    gone = draw(worker, settings, "red").job.id
    assert client.delete(f"/v1/generations/{gone}").status_code == 204
    seen = client.get(group["urls"]["get"]).json()
    assert (seen["generations"][0]["status"], seen["counts"]["gone"], seen["status"]) == ("gone", 1, "queued")
    assert sheet_of(client, group).getpixel((136, 136)) == GREY


def test_lists_are_paged_newest_first(client: TestClient) -> None:
    ids = [asked(client, f"a fox --repeat {n}")["id"] for n in (1, 2, 3)]
    page = client.get("/v1/groups", params={"limit": 2}).json()
    rest = client.get("/v1/groups", params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [each["id"] for each in (*page["data"], *rest["data"])] == ids[::-1]
    assert rest["next_cursor"] is None


def test_a_plain_prompt_is_a_group_of_one(client: TestClient) -> None:
    group = asked(client, "a {red} fox", prompt_parameters=False)
    (only,) = group["generations"]
    assert client.get(only["url"]).json()["parameters"]["prompt"] == "a {red} fox"


def test_a_group_is_its_owner_s_alone(connect: Connect, worker: FakeWorker, settings: Settings) -> None:
    with connect(api_keys=(SecretStr(KEY), SecretStr(OTHER_KEY))) as client:
        mine, other = ({"Authorization": f"Bearer {key}"} for key in (KEY, OTHER_KEY))
        group = asked(client, "a {red, blue} fox", mine)
        here = f"/v1/groups/{group['id']}"
        for method, path in (("GET", ""), ("GET", "/sheet"), ("POST", "/cancel"), ("DELETE", "")):
            answer = client.request(method, f"{here}{path}", headers=other)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "group_not_found")
            assert client.request(method, f"{here}{path}").status_code == 401
        assert client.get("/v1/groups", headers=other).json()["data"] == []
        assert client.get(here, headers=mine).json()["counts"]["queued"] == 2
        # the sheet's address opens without a key, as it is signed, and nothing else does
        assert client.get(group["urls"]["sheet"]).status_code == 200
        assert client.get(group["urls"]["sheet"].replace("/sheet", "")).status_code == 401
        assert client.get(f"/v1/groups/grp_{'0' * 40}/sheet", headers=mine).status_code == 404


def test_a_key_s_policy_holds_for_all_jobs(client: TestClient, redis: Redis) -> None:
    keys = KeyStore(redis)
    looks = keys.create(KeyPolicy(name="looks", scopes=(Scope.READ,))).text
    draws = keys.create(KeyPolicy(name="draws", scopes=(Scope.GENERATE,), models=("flux-tiny",))).text
    body = {"prompt": "a {red, blue} fox"}
    assert client.post("/v1/groups", json=body, headers={"Authorization": f"Bearer {looks}"}).status_code == 403
    answer = client.post("/v1/groups", json=body, headers={"Authorization": f"Bearer {draws}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "model_not_allowed")
