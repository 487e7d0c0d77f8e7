"""Lists of hosts: what they read as, and which addresses are in them."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.config.hosts import HostList, host_list

ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("*", ["127.0.0.1", "::1", ""], []),
        ("", [], ["127.0.0.1", "::1", ""]),
        ("192.0.2.1", ["192.0.2.1", "::ffff:192.0.2.1"], ["192.0.2.2", "", "nonsense"]),
        ("192.0.2.1-192.0.2.9", ["192.0.2.1", "192.0.2.9"], ["192.0.2.0", "192.0.2.10", "::5"]),
        ("192.0.2.1, 198.51.100.7 ::1", ["192.0.2.1", "198.51.100.7", "::1"], ["::2"]),
        ("fe80::1-fe80::ff", ["fe80::2%eth0", "[fe80::ff]"], ["fe80::100", "0.0.0.2"]),
        ("my-host.example", [], ["192.0.2.1"]),
    ],
)
def test_a_list_holds_its_addresses_and_no_others(text: str, inside: list[str], outside: list[str]) -> None:
    hosts = host_list(text)
    assert [one for one in inside if one not in hosts] == []
    assert [one for one in outside if one in hosts] == []


@pytest.mark.parametrize("text", ["192.0.2.9-192.0.2.1", "192.0.2.1-::1", "192.0.2.1-", "x-192.0.2.1"])
def test_a_range_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no range of addresses"):
        host_list(text)


def test_a_name_is_a_host_once_its_addresses_are_known() -> None:
    hosts = host_list("b.example, my-host")
    assert hosts.names == ("b.example", "my-host")
    assert "192.0.2.1" in hosts.with_addresses(["192.0.2.1", "not one"])
    assert "192.0.2.2" not in hosts.with_addresses(["192.0.2.1"])


@given(ADDRESSES, ADDRESSES, ADDRESSES)
def test_a_range_holds_what_lies_between(
    one: ipaddress.IPv4Address, other: ipaddress.IPv4Address, address: ipaddress.IPv4Address
) -> None:
    if one.version != other.version:
        return
    low, high = sorted((one, other))
    between = address.version == low.version and low <= address <= high
    mapped = getattr(low, "ipv4_mapped", None) or getattr(high, "ipv4_mapped", None)
    if mapped is None and getattr(address, "ipv4_mapped", None) is None:
        assert (str(address) in host_list(f"{low}-{high}")) == between


@given(st.text(alphabet="0123456789abc.:-*, ", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(host_list(text), HostList)
    except ValueError as error:
        assert "is no range" in str(error)
