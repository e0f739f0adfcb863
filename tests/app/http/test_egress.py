"""The guard against requests into the inside: a 'public' server on 127.0.0.2, an 'internal' one on 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from app.http.addresses import AddressPolicy
from app.http.egress import Resolver, guarded_client, system_resolver
from app.keeper.http_sender import Answer, HttpSender
from tests.app.http.test_addresses import DENIED
from tests.app.keeper.receiver import Receiver, answer, running_receiver
from tests.ports import free_port

PUBLIC, INTERNAL = "127.0.0.2", "127.0.0.1"
POLICY = AddressPolicy([f"{PUBLIC}/32"])


@pytest.fixture
def public() -> Iterator[Receiver]:
    with running_receiver(PUBLIC, free_port()) as receiver:
        yield receiver


@pytest.fixture
def internal(public: Receiver) -> Iterator[Receiver]:
    """On the port of the public one, so that only the address differs."""
    with running_receiver(INTERNAL, public.port) as receiver:
        yield receiver


def post(url: str, resolver: Resolver = system_resolver) -> Answer:
    return HttpSender(POLICY, seconds=5, resolver=resolver).post(url, b"{}", {})


def told(*addresses: str) -> Resolver:
    return lambda host, port: list(addresses)


def test_a_permitted_address_is_reached_under_its_name(public: Receiver, internal: Receiver) -> None:
    # When
    result = post(f"http://hooks.example:{public.port}/x", told(PUBLIC))

    # Then
    assert result.accepted
    assert public.seen[0].headers["host"] == f"hooks.example:{public.port}"
    assert internal.connections == 0


@pytest.mark.parametrize("address", [address for address in DENIED if address != PUBLIC])
def test_no_address_of_the_matrix_is_dialled(address: str, internal: Receiver) -> None:
    result = post(f"http://hooks.example:{internal.port}/", told(address))
    assert not result.accepted
    assert "not public" in result.error
    assert internal.connections == 0


def test_a_name_that_changes_its_answer_is_asked_once(public: Receiver, internal: Receiver) -> None:
    """Rebinding: the first answer is public, every later one is the inside."""
    # Given
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else [INTERNAL]

    # When
    first = post(f"http://hooks.example:{public.port}/", rebinding)
    second = post(f"http://hooks.example:{public.port}/", rebinding)

    # Then
    assert first.accepted
    assert not second.accepted
    assert len(asked) == 2
    assert internal.connections == 0


@pytest.mark.parametrize("addresses", [(PUBLIC, INTERNAL), (INTERNAL, PUBLIC), ()])
def test_one_bad_answer_condemns_the_name(addresses: tuple[str, ...], public: Receiver, internal: Receiver) -> None:
    result = post(f"http://hooks.example:{public.port}/", told(*addresses))
    assert not result.accepted
    assert public.connections == internal.connections == 0


SPELLINGS = [
    "127.0.0.1", "2130706433", "0x7f000001", "0X7F000001", "017700000001", "0177.0.0.1", "0x7f.1", "127.1", "127.0.1",
    "0", "00", "0x0", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "127.0.0.1%00", "[::]", "[0::1]",
    "[0:0:0:0:0:ffff:7f00:1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::1%25lo]",
    "ip6-localhost", "xn--localhost", "1.0.0.721", "[::ffff:0:127.0.0.1]",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_an_address_gets_through(host: str, internal: Receiver) -> None:
    assert not post(f"http://{host}:{internal.port}/").accepted
    assert internal.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://127.0.0.2@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@127.0.0.2:{port}/",
        "http://127.0.0.1:{port}#@127.0.0.2:{port}/",
        "http://①②⑦.0.0.1:{port}/",
        "http://127。0。0。1:{port}/",
    ],
)
def test_no_trick_in_a_url_reaches_the_inside(url: str, public: Receiver, internal: Receiver) -> None:
    post(url.format(port=internal.port))
    assert internal.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "hooks.example",
        "",
        "http://",
        "//x",
        "http://xn--a/",
        "http://xn--/",
    ],
)
def test_what_is_no_http_url_is_hopeless(url: str) -> None:
    result = post(url)
    assert not result.accepted
    assert result.hopeless


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(status: int, public: Receiver, internal: Receiver) -> None:
    # Given
    public.scripts.append(answer(status, Location=f"http://{INTERNAL}:{internal.port}/"))

    # When
    result = post(f"http://hooks.example:{public.port}/", told(PUBLIC))

    # Then
    assert result.status == status
    assert not result.accepted
    assert len(public.seen) == 1
    assert internal.connections == 0


def test_a_proxy_in_the_environment_is_not_used(
    public: Receiver, internal: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{INTERNAL}:{internal.port}")

    # When
    result = post(f"http://hooks.example:{public.port}/", told(PUBLIC))

    # Then
    assert result.accepted
    assert internal.connections == 0


def test_the_next_address_is_tried_when_one_refuses(public: Receiver) -> None:
    # Given a name with an address on which nobody listens
    policy = AddressPolicy(["127.0.0.0/8"])
    http_sender = HttpSender(policy, seconds=5, resolver=told("127.0.0.3", PUBLIC))

    # When, Then
    assert http_sender.post(f"http://hooks.example:{public.port}/", b"{}", {}).accepted


def test_a_name_that_cannot_be_resolved_is_a_failure() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    result = post("http://hooks.example/", unknown)
    assert result.status is None
    assert result.error == "no connection: the name cannot be resolved"


def test_a_socket_path_cannot_be_reached() -> None:
    with guarded_client(POLICY, 5) as client:
        backend = client._transport._pool._network_backend  # type: ignore[attr-defined]
        with pytest.raises(Exception, match="not public"):
            backend.connect_unix_socket("/run/docker.sock")


def test_the_guard_is_written_for_this_httpx() -> None:
    """It replaces a private attribute; another httpx needs another look."""
    assert httpx.__version__.startswith("0.28.")
