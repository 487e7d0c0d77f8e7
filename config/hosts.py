"""Lists of hosts (spec: router-config.md §9, remoteHosts): addresses, ranges, names, `*`.

Whoever can look names up gives their addresses.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

ANY = "*"
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address_of(text: str) -> Address | None:
    """The IP address that a text is, IPv4 in the place of IPv6 that stands for it; None if it is none."""
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@dataclass(frozen=True, slots=True)
class HostRange:
    """All addresses from `low` to `high`, both included."""

    low: Address
    high: Address

    def __contains__(self, address: Address) -> bool:
        return address.version == self.low.version and int(self.low) <= int(address) <= int(self.high)


@dataclass(frozen=True, slots=True)
class HostList:
    """Who may connect; `names` are hosts whose addresses are not known yet. Empty: nobody."""

    everybody: bool = False
    ranges: tuple[HostRange, ...] = ()
    names: tuple[str, ...] = ()

    def with_addresses(self, addresses: Iterable[str]) -> "HostList":
        """The list once the names are known to have these addresses."""
        found = [address for text in addresses if (address := address_of(text)) is not None]
        return HostList(self.everybody, (*self.ranges, *(HostRange(one, one) for one in found)))

    def __contains__(self, host: str) -> bool:
        """Whether the host with this IP address is in the list."""
        address = address_of(host)
        return self.everybody or (address is not None and any(address in one for one in self.ranges))


def host_list(text: str) -> HostList:
    """Read a list separated by commas or spaces. ValueError for a range that is none."""
    ranges: list[HostRange] = []
    names: list[str] = []
    words = text.replace(",", " ").split()
    for word in words:
        found = _range(word)
        if found is not None:
            ranges.append(found)
        elif word != ANY:
            names.append(word)
    return HostList(ANY in words, tuple(ranges), tuple(names))


def _range(word: str) -> HostRange | None:
    """The addresses that a word names; None for a host name, which may hold a hyphen too."""
    one = address_of(word)
    if one is not None:
        return HostRange(one, one)
    first, hyphen, second = word.partition("-")
    low, high = address_of(first), address_of(second)
    if not hyphen or (low is None and high is None):
        return None
    if low is None or high is None or low.version != high.version or int(low) > int(high):
        raise ValueError(f"'{word}' is no range of addresses, from the lower to the higher one")
    return HostRange(low, high)
