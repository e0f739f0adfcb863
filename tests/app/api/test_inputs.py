"""Pictures in the native API: from the request, an upload, a URL, an earlier result; in JSON and in forms."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydantic import SecretStr

from core.results import ResultStore
from core.settings import Settings
from tests.app.conftest import KEY, OTHER_KEY, Connect
from tests.app.fake_worker import FakeWorker
from tests.app.wires.openai.files import file_of, plain

RED = file_of(plain(300, 200))
DATA_URI = f"data:image/png;base64,{base64.b64encode(RED).decode()}"
WHITE_LEFT = Image.new("L", (300, 200), 0)
WHITE_LEFT.paste(255, (0, 0, 150, 200))
MASK = file_of(WHITE_LEFT)


def submit(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/generations", json={"prompt": "a hat", **body})
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def refused(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/v1/generations", json={"prompt": "a hat", **body})
    assert 400 <= response.status_code < 500, response.text
    error: dict[str, Any] = response.json()["error"]
    return {**error, "status": response.status_code}


def fetched(client: TestClient, url: str) -> Image.Image:
    response = client.get(url)
    assert (response.status_code, response.headers["content-type"]) == (200, "image/png")
    return Image.open(io.BytesIO(response.content))


@pytest.mark.parametrize("spelling", [DATA_URI, DATA_URI.partition(",")[2]], ids=["data URI", "base64"])
def test_a_picture_in_the_body_is_drawn_over(client: TestClient, spelling: str) -> None:
    job = submit(client, inputs={"image": spelling}, strength=0.4)

    assert (job["task"], job["parameters"]["strength"], job["parents"]) == ("image-to-image", 0.4, [])
    # of the picture's own shape, as near as the model draws
    assert (job["parameters"]["width"], job["parameters"]["height"]) == (288, 192)
    (given,) = job["inputs"]
    assert (given["role"], given["medium"], given["parent"]) == ("image", "image/png", None)
    assert given["facts"] == {"width": 288, "height": 192}
    assert fetched(client, given["url"]).getcolors() == [(288 * 192, (255, 0, 0))]


def test_a_mask_is_white_where_it_is_drawn_anew(client: TestClient) -> None:
    mask = f"data:image/png;base64,{base64.b64encode(MASK).decode()}"

    job = submit(client, inputs={"image": DATA_URI, "mask": mask}, width=256, height=256)

    assert (job["task"], job["parameters"]["strength"]) == ("inpaint", 1.0)
    kept = fetched(client, job["inputs"][1]["url"])
    assert (kept.mode, kept.size, kept.getpixel((5, 128)), kept.getpixel((250, 128))) == ("L", (256, 256), 255, 0)


@pytest.mark.parametrize(
    "metadata",
    [
        "[1, 2]",
        "{",
        '{"user": "\\ud800"}',
        '{"user": NaN}',
        '{"user": ' + "[" * 30 + "]" * 30 + "}",
        '{"user": [' + "0," * 20_000 + "0]}",
    ],
    ids=["a list", "cut off", "half of a surrogate pair", "no number", "too deep", "too many values"],
)
def test_json_in_a_form_is_read_like_a_json_body(client: TestClient, metadata: str) -> None:
    form = {"prompt": "a hat", "metadata": metadata}
    response = client.post("/v1/generations", data=form, files={"image": ("red.png", RED, "image/png")})
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["message"]) == ("metadata", "'metadata' must be a JSON object in a form")


def test_the_size_is_that_of_the_picture_whichever_comes_first(client: TestClient) -> None:
    square = f"data:image/png;base64,{base64.b64encode(file_of(Image.new('L', (64, 64), 255))).decode()}"

    job = submit(client, inputs={"mask": square, "image": DATA_URI})

    assert (job["parameters"]["width"], job["parameters"]["height"]) == (288, 192)
    assert [given["role"] for given in job["inputs"]] == ["image", "mask"]


def test_a_form_brings_its_files_along(client: TestClient) -> None:
    fields = {"prompt": "a hat", "n": "2", "seed": "7", "strength": "0.5", "output": json.dumps({"format": "webp"})}
    files = {"image": ("red.png", RED, "image/png")}

    response = client.post("/v1/generations", data={**fields, "metadata[user]": "42"}, files=files)

    job = response.json()
    assert response.status_code == 202, job
    assert (job["task"], job["seeds"], job["output"]["format"]) == ("image-to-image", [7, 8], "webp")
    assert (job["parameters"]["strength"], job["metadata"]) == (0.5, {"user": "42"})


def test_a_form_may_name_an_earlier_result(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    parent = drawn(client, worker, settings)
    fields = {"prompt": "a hat", "inputs": json.dumps({"image": {"generation": parent, "index": 0}})}
    files = {"mask": ("mask.png", MASK, "image/png")}

    job = client.post("/v1/generations", data=fields, files=files).json()

    assert (job["task"], job["parents"]) == ("inpaint", [{"generation": parent, "index": 0}])


def drawn(client: TestClient, worker: FakeWorker, settings: Settings, **body: Any) -> str:
    """The id of a finished job whose picture is a real one."""
    job = submit(client, **body)
    assert worker.draw_next() == job["id"]
    ResultStore(settings.results_location).put(f"{job['id']}/1/0.png", RED)
    return str(job["id"])


def test_an_earlier_result_is_a_parent(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    # Given a picture, and another that was made from it
    first = drawn(client, worker, settings)
    second = submit(client, inputs={"image": {"generation": first, "index": 0}})

    # Then the second says where it came from, and shows what it started from
    assert second["parents"] == [{"generation": first, "index": 0}]
    assert second["inputs"][0]["parent"] == {"generation": first, "index": 0}

    # and depends on nothing of the first
    assert client.delete(f"/v1/generations/{first}").status_code == 204
    assert fetched(client, second["inputs"][0]["url"]).getpixel((0, 0)) == (255, 0, 0)


def test_nobody_starts_from_what_is_another_s(connect: Connect, settings: Settings, worker: FakeWorker) -> None:
    with connect(api_keys=(SecretStr(KEY), SecretStr(OTHER_KEY))) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        mine = drawn(client, worker, settings)
        upload = client.post("/v1/uploads", files={"file": ("red.png", RED)}).json()["id"]

        # When somebody else names them, Then there are no such things
        client.headers["Authorization"] = f"Bearer {OTHER_KEY}"
        error = refused(client, inputs={"image": {"generation": mine, "index": 0}})
        assert (error["status"], error["code"], error["param"]) == (404, "generation_not_found", "inputs.image")
        error = refused(client, inputs={"image": {"upload": upload}})
        assert (error["status"], error["code"], error["param"]) == (404, "upload_not_found", "inputs.image")


Served = Callable[[bytes], str]


@pytest.fixture
def serve() -> Iterator[Served]:
    """A web server on this machine with one file."""
    files: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(files[-1])))
            self.end_headers()
            with suppress(OSError):  # a client that has had enough hangs up
                self.wfile.write(files[-1])

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def served(content: bytes) -> str:
        files.append(content)
        return f"http://127.0.0.1:{server.server_port}/picture.png"

    yield served
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("inputs", "code", "words"),
    [
        ({"image": "nonsense!"}, "invalid_value", "an http or https URL, a data URI, or base64"),
        ({"image": "aGVsbG8="}, "invalid_image", "PNG, JPEG or WebP"),
        ({"image": 7}, "invalid_value", "must be a URL"),
        ({"image": {"generation": "gen_x"}}, "invalid_value", "must be a URL"),
        ({"picture": DATA_URI}, "unknown_parameter", "it takes control, reference, image, mask"),
        ({"mask": DATA_URI}, "invalid_value", "inpaint takes image and mask"),
        ({"image": [DATA_URI, DATA_URI]}, "invalid_value", "has 2 files, and image-to-image takes 1"),
        ({"image": "http://user:pw@example.com/x.png"}, "invalid_value", "without user name"),
        ({"image": "http://169.254.169.254/latest"}, "input_not_fetched", "not public"),
        ({"image": "http://localhost.invalid/x.png"}, "input_not_fetched", "no connection"),
    ],
)
def test_what_is_wrong_with_an_input_is_said(client: TestClient, inputs: Any, code: str, words: str) -> None:
    error = refused(client, inputs=inputs)

    assert error["status"] == 400
    assert (error["code"], error["param"].partition(".")[0]) == (code, "inputs")
    assert words in error["message"]


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"task": "inpaint", "inputs": {"image": DATA_URI}}, "inputs.mask", "is required for inpaint"),
        ({"task": "text-to-image", "inputs": {"image": DATA_URI}}, "inputs.image", "takes no 'inputs.image'"),
        ({"task": "text-to-smell"}, "task", "there are creative-upscale, image-to-image"),
        ({"strength": 0.5}, "strength", "means nothing for text-to-image"),
        ({"strength": 0, "inputs": {"image": DATA_URI}}, "strength", "greater than 0"),
        ({"model": "flux-tiny", "inputs": {"image": DATA_URI}}, "model", "does not do image-to-image"),
    ],
)
def test_what_does_not_fit_the_task_is_said(client: TestClient, body: dict[str, Any], param: str, words: str) -> None:
    error = refused(client, **body)

    assert (error["status"], error["param"]) == (400, param)
    assert words in error["message"]


def test_the_same_body_with_the_same_key_is_the_same_job(client: TestClient, settings: Settings) -> None:
    # Given a call that was repeated, and one with another picture
    headers, body = {"Idempotency-Key": "once"}, {"prompt": "a hat", "inputs": {"image": DATA_URI}}
    first, again = (client.post("/v1/generations", json=body, headers=headers) for _ in range(2))
    other = {**body, "inputs": {"image": base64.b64encode(MASK).decode()}}

    # Then one job came of it, and its files alone are stored
    assert first.json()["id"] == again.json()["id"]
    assert client.post("/v1/generations", json=other, headers=headers).status_code == 422
    assert [path.name for path in (settings.data_dir / "results").iterdir()] == [first.json()["id"]]


def test_deleting_a_generation_deletes_its_inputs(client: TestClient, worker: FakeWorker, settings: Settings) -> None:
    job = submit(client, inputs={"image": DATA_URI})
    assert worker.draw_next() == job["id"]

    assert client.delete(job["urls"]["get"]).status_code == 204
    assert client.get(job["inputs"][0]["url"]).status_code == 404
    assert list((settings.data_dir / "results").rglob("*.png")) == []


def test_a_picture_is_fetched_from_its_address(client: TestClient, serve: Served) -> None:
    job = submit(client, inputs={"image": serve(RED)})

    assert fetched(client, job["inputs"][0]["url"]).getpixel((0, 0)) == (255, 0, 0)


def test_no_more_is_fetched_than_may_be_uploaded(client: TestClient, serve: Served) -> None:
    error = refused(client, inputs={"image": serve(bytes(21 * 2**20))})

    assert (error["status"], error["param"]) == (413, "inputs.image")


def test_a_signed_address_opens_an_input_too(connect: Connect) -> None:
    with connect(api_keys=(SecretStr(KEY),)) as client:
        job = client.post(
            "/v1/generations",
            json={"prompt": "a hat", "inputs": {"image": DATA_URI}},
            headers={"Authorization": f"Bearer {KEY}"},
        ).json()
        address = httpx.URL(job["inputs"][0]["url"])

        assert client.get(address.raw_path.decode()).status_code == 200
        assert client.get(address.path).status_code == 401
