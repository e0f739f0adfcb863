"""Which IP addresses may be reached for a user: public ones, and networks that a setting allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

from core.settings import Settings

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


# `ipaddress.is_global` lets 16 of the addresses in the test's matrix through, so the lists are our own.
SPECIAL_V4: Final = _networks(
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
    "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
    "240.0.0.0/4",
)  # fmt: skip
"""Private, shared, loopback, link-local, documentation, multicast, reserved, and Azure's wire server."""

UNICAST_V6: Final = ip_network("2000::/3")
"""The only IPv6 block from which public addresses are handed out."""

SPECIAL_V6: Final = _networks("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
"""Inside UNICAST_V6 and yet not public: Teredo and its like, documentation, 6to4, AS112."""

NEVER: Final = _networks(
    "0.0.0.0/8", "100.100.100.200/32", "168.63.129.16/32", "169.254.0.0/16", "192.0.0.192/32", "224.0.0.0/4",
    "255.255.255.255/32", "::/128", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16",
    "fd00:ec2::254/128", "fe80::/10", "ff00::/8",
)  # fmt: skip
"""Not even where private networks are allowed: metadata, link-local, multicast, translated addresses."""

LOOPBACK: Final = _networks("127.0.0.0/8", "::1/128")


class AddressPolicy:
    """Public addresses always; also those in `allowed` networks, unless they are in NEVER.

    `is_laptop` is asked anew for each address of the machine itself: what it says may change.
    """

    def __init__(self, allowed: Iterable[str] = (), is_laptop: Callable[[], bool] = lambda: False) -> None:
        self._allowed = _networks(*allowed)
        self._is_laptop = is_laptop

    @classmethod
    def of(cls, settings: Settings, any_key_made: Callable[[], bool], allowed: Iterable[str]) -> Self:
        """The policy of a service, which may reach `allowed` networks too; a laptop's own, the laptop itself.

        But not for strangers with keys: who gives keys to others may listen on loopback too, behind a proxy.
        """
        alone = settings.is_loopback and not settings.api_keys
        return cls(allowed, lambda: alone and not any_key_made())

    def permits(self, address: str) -> bool:
        """Whether a numeric `address` may be dialled. What is not understood is not permitted."""
        try:
            known = _plain(ip_address(address))
        except ValueError:
            return False
        if _within(known, NEVER):
            return False
        if _is_public(known) or _within(known, self._allowed):
            return True
        return _within(known, LOOPBACK) and self._is_laptop()


def _plain(address: Address) -> Address:
    """The address that packets would go to: an IPv4-mapped IPv6 address is IPv4."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not _within(address, SPECIAL_V4)
    return address in UNICAST_V6 and not _within(address, SPECIAL_V6)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
