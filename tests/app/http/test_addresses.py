"""The address matrix: 38 addresses that must be denied although some libraries call them public, and 2 public ones."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from app.http.addresses import AddressPolicy
from core.settings import Settings

DENIED = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "100:0:0:1::",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2620:4f:8000::1",
    "3fff::1",
    "fd00:ec2::254",
    "fe80::1%eth0",
    "ff02::1",
]
ALSO_DENIED = ["5f00::1", "fec0::1", "fc00::1", "2001:20::1", "192.31.196.1", "", "localhost", "127.1", "1.2.3.4.5"]
PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
NEVER = [
    "0.0.0.0",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fd00:ec2::254",
    "fe80::1%eth0",
    "ff02::1",
]


def no_key() -> bool:
    """No API key was ever made."""
    return False


def test_the_matrix_is_whole() -> None:
    assert len(set(DENIED)) == 38


@pytest.mark.parametrize("address", DENIED + ALSO_DENIED)
def test_special_addresses_are_denied(address: str) -> None:
    assert not AddressPolicy().permits(address)


@pytest.mark.parametrize("address", [*PUBLIC, "::ffff:93.184.215.14"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert AddressPolicy().permits(address)


def test_allowed_networks_are_permitted_and_no_others() -> None:
    policy = AddressPolicy(["10.1.0.0/16", "fd12::/16"])
    assert [policy.permits(address) for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::1")] == [True] * 3
    assert [policy.permits(address) for address in ("10.2.0.1", "127.0.0.1", "fd13::1")] == [False] * 3


@pytest.mark.parametrize("address", NEVER)
def test_metadata_and_link_local_are_denied_whatever_is_allowed(address: str) -> None:
    assert not AddressPolicy(["0.0.0.0/0", "::/0"]).permits(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_laptop_may_deliver_to_itself(address: str) -> None:
    # Given
    laptop = Settings(host="127.0.0.1")
    with_keys = Settings(host="127.0.0.1", api_keys=(SecretStr("k" * 24),))
    server = Settings(host="0.0.0.0", api_keys=(SecretStr("k" * 24),))

    # When
    permitted = [
        AddressPolicy.of(settings, no_key, settings.webhook_allow_cidrs).permits(address)
        for settings in (laptop, with_keys, server)
    ]

    # Then
    assert permitted == [True, False, False]


def test_a_laptop_that_gives_keys_to_others_is_closed_from_then_on() -> None:
    """It may listen on loopback behind a proxy: whoever has a key must not reach what else listens there."""
    # Given
    made = False
    policy = AddressPolicy.of(Settings(host="127.0.0.1"), lambda: made, ())
    assert policy.permits("127.0.0.1")

    # When
    made = True

    # Then
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
        assert not policy.permits(address)
    allowed = Settings(host="127.0.0.1", webhook_allow_cidrs=("127.0.0.1/32",))
    assert AddressPolicy.of(allowed, lambda: made, allowed.webhook_allow_cidrs).permits("127.0.0.1")


def test_a_laptops_own_network_stays_closed() -> None:
    policy = AddressPolicy.of(Settings(host="127.0.0.1"), no_key, ())
    assert not policy.permits("192.168.1.1")
    assert not policy.permits("169.254.169.254")


def test_the_settings_networks_are_allowed() -> None:
    settings = Settings(host="0.0.0.0", webhook_allow_cidrs=("10.0.0.0/8",))
    assert AddressPolicy.of(settings, no_key, settings.webhook_allow_cidrs).permits("10.0.0.1")
