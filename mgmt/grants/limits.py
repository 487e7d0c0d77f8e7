"""How much one stranger may ask: a bucket for each address, which leaks as time goes by."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

MOST_ADDRESSES = 4096
"""Addresses that are remembered: the memory that strangers can take is bounded."""
_IPV6_SHARE = 64
"""Bits of an IPv6 address that belong to one party."""


class Buckets:
    """Each address may do `burst` things at once and `rate` a second from then on. Times are monotonic."""

    def __init__(self, burst: float, rate: float, most: int = MOST_ADDRESSES) -> None:
        self._burst = burst
        self._rate = rate
        self._most = most
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def wait(self, address: str, now: float) -> float:
        """Seconds until the address may do something; 0 if it may now."""
        return max(0.0, (self._level(party(address), now) + 1 - self._burst) / self._rate)

    def add(self, address: str, now: float) -> None:
        """The address has done something."""
        key = party(address)
        level = self._level(key, now) + 1
        self._levels[key] = (level, now)
        self._levels.move_to_end(key)
        while len(self._levels) > self._most:
            self._levels.popitem(last=False)

    def _level(self, key: str, now: float) -> float:
        level, since = self._levels.get(key, (0.0, now))
        return max(0.0, level - (now - since) * self._rate)


def party(address: str) -> str:
    """Whom an address belongs to: of IPv6 a whole network, within which a machine chooses."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> _IPV6_SHARE << _IPV6_SHARE))
    return str(found)
