"""The result store on S3, against a real S3 protocol server on loopback."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from core.results import CHUNK_BYTES, ResultStore

BUCKET = "pictures"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["environment", "boto3 profile"])
def results(
    request: pytest.FixtureRequest,
    endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> ResultStore:
    """A store on an empty bucket, with credentials from the environment or from an AWS profile."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    if request.param == "environment":
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    else:
        credentials = tmp_path_factory.mktemp("aws") / "credentials"
        credentials.write_text("[default]\naws_access_key_id = id\naws_secret_access_key = secret\n")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    s3 = boto3.resource("s3", endpoint_url=endpoint, region_name="us-east-1")
    s3.create_bucket(Bucket=BUCKET)
    s3.Bucket(BUCKET).objects.all().delete()
    return ResultStore(f"s3://{BUCKET}/easel")


def test_what_is_put_can_be_read_in_whole_and_in_chunks(results: ResultStore) -> None:
    # Given
    content = os.urandom(2 * CHUNK_BYTES + 17)
    results.put("gen_a/1/0.png", content)
    # Then
    assert results.read("gen_a/1/0.png") == content
    assert b"".join(results.stream("gen_a/1/0.png")) == content


def test_what_is_missing_is_file_not_found(results: ResultStore) -> None:
    with pytest.raises(FileNotFoundError):
        results.read("gen_a/1/0.png")
    with pytest.raises(FileNotFoundError):
        results.stream("gen_a/1/0.png")


def test_deleting_takes_one_job(results: ResultStore) -> None:
    # Given one id that begins like another
    for key in ("gen_a/1/0.png", "gen_a/2/0.png", "gen_ab/1/0.png"):
        results.put(key, b"pixels")
    # When
    assert results.delete_prefix("gen_a/") == 2
    # Then
    assert results.read("gen_ab/1/0.png") == b"pixels"
    with pytest.raises(FileNotFoundError):
        results.read("gen_a/1/0.png")


def test_slots_may_store_at_the_same_time(results: ResultStore) -> None:
    threads = [threading.Thread(target=results.put, args=(f"gen_a/1/{n}.png", bytes([n]) * 1000)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results.read(f"gen_a/1/{n}.png")[0] for n in range(8)] == list(range(8))
