"""Who is let in, under which settings, and what is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from skrouter.config.loader import load
from skrouter.config.model import PolicyConfig, VhostConfig
from skrouter.router.policy import policy as texts
from skrouter.router.policy.permit import Permit, Who
from skrouter.router.policy.policy import Policy, session_frames
from skrouter.router.policy.tally import REMEMBERED, Present

_ENTITY: Any = None
"""The policy looks at values only."""

ANYWHERE = {"remoteHosts": "*", "sources": "*", "targets": "*"}


def vhost(hostname: str = "v", groups: Mapping[str, Any] | None = None, **values: Any) -> VhostConfig:
    given: dict[str, Any] = {
        "aliases": (),
        "max_connections": 65535,
        "max_message_size": None,
        "max_connections_per_user": 65535,
        "max_connections_per_host": 65535,
        "allow_unknown_user": True,
        **values,
    }
    return VhostConfig(
        name=None,
        identity=f"vhost/{hostname}",
        entity=_ENTITY,
        hostname=hostname,
        groups={"$default": ANYWHERE} if groups is None else groups,
        **given,
    )


def bare_config(*, patterns: bool) -> PolicyConfig:
    return PolicyConfig(
        entity=_ENTITY,
        name=None,
        identity="policy/None",
        max_connections=65535,
        max_message_size=0,
        enable_vhost_policy=True,
        enable_vhost_name_patterns=patterns,
        policy_dir=None,
        default_vhost=None,
    )


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> PolicyConfig:
    path = tmp_path_factory.mktemp("policy") / "router.conf"
    path.write_text("policy {\n enableVhostPolicy: yes\n}\n")
    return load(path).policy


def who(user: str = "ann", host: str = "192.0.2.1", port: int = 1) -> Who:
    return Who(7, user, host, f"{host}:{port}", "v")


def reason(rules: Policy, one: Who, name: str = "v") -> str:
    """Why a connection is refused; empty if it is not."""
    opening = rules.opened(one, name)
    assert (opening.permit is None) == (not opening.verdict.allowed)
    if opening.permit is not None:
        return ""
    assert opening.verdict.refusal is not None
    assert opening.verdict.refusal.condition == "amqp:resource-limit-exceeded"
    return opening.verdict.line.text.partition(": ")[2]


# --- which vhost

BOTH = [
    vhost("a.example", aliases=("b.example", "c"), groups={"g": {**ANYWHERE, "users": "*"}}),
    vhost("$default"),
]


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("a.example", "g"),
        ("b.example", "g"),
        ("c", "g"),
        ("other", "$default"),
        ("", "$default"),
        ("x.example", "$default"),
    ],
)
def test_f2_a_vhost_is_found_by_its_names_else_it_is_the_default_one(
    config: PolicyConfig, name: str, group: str
) -> None:
    rules = Policy(config)
    for one in BOTH:
        rules.put_vhost(one)
    assert rules.opened(who(), name).verdict.line.text.endswith(f"Usergroup: '{group}'")


@pytest.mark.parametrize("default", [None, "none"])
def test_without_a_default_vhost_unknown_names_are_refused(config: PolicyConfig, default: str | None) -> None:
    rules = Policy(replace(config, default_vhost=default))
    rules.put_vhost(vhost())
    assert reason(rules, who(), "other") == texts.NO_VHOST
    assert reason(rules, who(), "v") == ""


@pytest.mark.parametrize(
    ("name", "found"),
    [("a.b.example", "*.b.example"), ("x.y.example", "#.example"), ("z.b.example", "z.b.example"), ("q", "")],
)
def test_f2_host_names_are_patterns_where_that_is_asked_for(
    config: PolicyConfig, name: str, found: str
) -> None:
    rules = Policy(replace(config, enable_vhost_name_patterns=True))
    for pattern in ("#.example", "*.b.example", "z.b.example"):
        rules.put_vhost(vhost(pattern))
    text = rules.opened(who(), name).verdict.line.text
    assert f"vhost: {found}," in text if found else texts.NO_VHOST in text
    plain = Policy(config)
    plain.put_vhost(vhost("#.example"))
    assert reason(plain, who(), "x.example") == texts.NO_VHOST


# --- who may come in

GROUPS = {
    "staff": {**ANYWHERE, "users": "ann, bob, O=one house;CN=client"},
    "local": {**ANYWHERE, "users": "*", "remoteHosts": "127.0.0.1, 192.0.2.5-192.0.2.9, name.example"},
    "$connector": {**ANYWHERE, "users": "broker"},
}


@pytest.mark.parametrize(
    ("user", "host", "expected"),
    [
        ("ann", "203.0.113.1", ""),
        ("O=one house;CN=client", "203.0.113.1", ""),
        ("eve", "127.0.0.1", ""),
        ("eve", "192.0.2.7", ""),
        ("eve", "198.51.100.1", ""),
        ("eve", "192.0.2.10", texts.NOT_FROM_HERE),
        ("", "203.0.113.1", texts.NOT_FROM_HERE),
        ("broker", "203.0.113.1", texts.NOT_FROM_HERE),
    ],
)
def test_f2_a_user_is_judged_by_its_group_and_its_host(
    config: PolicyConfig, user: str, host: str, expected: str
) -> None:
    rules = Policy(config, {"name.example": ("198.51.100.1",)}.__getitem__)
    rules.put_vhost(vhost(groups=GROUPS))
    assert reason(rules, who(user, host)) == expected


@pytest.mark.parametrize(
    ("allow_unknown", "groups", "expected"),
    [
        (True, {"$default": ANYWHERE}, ""),
        (False, {"$default": ANYWHERE}, texts.NO_GROUP),
        (True, {}, texts.NO_GROUP),
        (True, {"$default": {}}, texts.NOT_FROM_HERE),
        (False, {"g": {**ANYWHERE, "users": "bob"}}, texts.NO_GROUP),
    ],
)
def test_an_unknown_user_needs_leave_and_a_group_for_it(
    config: PolicyConfig, allow_unknown: bool, groups: Mapping[str, Any], expected: str
) -> None:
    rules = Policy(config)
    rules.put_vhost(vhost(allow_unknown_user=allow_unknown, groups=groups))
    assert reason(rules, who()) == expected
    assert rules.tallies["v"].denied == (expected != "")


@pytest.mark.parametrize(
    ("limits", "group", "expected"),
    [
        ({"max_connections": 2}, {}, texts.VHOST_IS_FULL),
        ({"max_connections_per_user": 2}, {}, texts.USER_IS_FULL),
        ({"max_connections_per_host": 2}, {}, texts.HOST_IS_FULL),
        ({"max_connections_per_user": 9}, {"maxConnectionsPerUser": 2}, texts.USER_IS_FULL),
        ({"max_connections_per_host": 9}, {"maxConnectionsPerHost": 2}, texts.HOST_IS_FULL),
        ({"max_connections_per_user": 1}, {"maxConnectionsPerUser": 2}, texts.USER_IS_FULL),
    ],
)
def test_f2_the_third_connection_is_one_too_many_until_another_ends(
    config: PolicyConfig, limits: Mapping[str, int], group: Mapping[str, int], expected: str
) -> None:
    rules = Policy(config)
    rules.put_vhost(vhost(groups={"$default": {**ANYWHERE, **group}}, **limits))
    permits = [rules.opened(who(port=port), "v").permit for port in (1, 2)]
    assert reason(rules, who(port=3)) == expected
    assert permits[0] is not None
    permits[0].closed(0)
    assert reason(rules, who(port=4)) == ""
    tally = rules.tallies["v"]
    assert (tally.approved, tally.denied, tally.current) == (3, 1, 2)
    assert tally.users.connections == {"ann": ["192.0.2.1:2", "192.0.2.1:4"]}


def test_a_connector_has_a_group_of_its_own_and_takes_nobodys_place(config: PolicyConfig) -> None:
    rules = Policy(config)
    rules.put_vhost(vhost(max_connections=1, groups={**GROUPS, "$connector": {"maxSenders": 0}}))
    opening = rules.dialled(who("", "b.example"), "v")
    assert opening.permit is not None
    assert opening.permit.settings.max_senders == 0
    assert rules.tallies["v"].current == 0
    opening.permit.closed(0)
    rules.put_vhost(vhost())
    assert rules.dialled(who(), "v").verdict.refusal is not None
    assert rules.dialled(who(), "w").verdict.refusal is not None


def test_f1_sockets_are_counted_and_refused_beyond_the_limit(config: PolicyConfig) -> None:
    rules = Policy(replace(config, max_connections=1))
    assert rules.socket_accepted("192.0.2.1").allowed
    refused = rules.socket_accepted("192.0.2.2")
    assert refused.line.text == (
        "DENY Connection '192.0.2.2' based on global connection count. nConnections= 1"
    )
    rules.socket_closed()
    assert rules.socket_accepted("192.0.2.2").allowed
    totals = rules.totals
    assert (totals.processed, totals.denied, totals.current, totals.denials) == (3, 1, 1, 1)


# --- what a connection may do


def permit_of(config: PolicyConfig, **group: Any) -> Permit:
    rules = Policy(config)
    rules.put_vhost(vhost(groups={"$default": {"remoteHosts": "*", **group}}))
    permit = rules.opened(who(), "v").permit
    assert permit is not None
    return permit


def test_links_are_counted_until_they_are_gone(config: PolicyConfig) -> None:
    permit = permit_of(config, maxSenders=1, maxReceivers=1, sources="a", targets="a")
    for link, attach in (
        (1, lambda number: permit.sender(number, "a")),
        (5, lambda n: permit.receiver(n, "a", False)),
    ):
        assert attach(link).allowed
        refused = attach(link + 1)
        assert refused.refusal is not None
        assert refused.refusal.condition == "amqp:resource-limit-exceeded"
        permit.link_gone(link)
        assert attach(link + 2).allowed
    assert (permit.totals.links_denied, permit.tally.senders_denied, permit.tally.receivers_denied) == (
        2,
        1,
        1,
    )


@pytest.mark.parametrize("setting", [True, False])
def test_what_needs_leave_has_it_or_not(config: PolicyConfig, setting: bool) -> None:
    permit = permit_of(config, allowAnonymousSender=setting, allowDynamicSource=setting)
    assert permit.sender(1, None).allowed is setting
    assert permit.receiver(2, None, True).allowed is setting
    assert not permit.sender(3, "a").allowed
    assert not permit.receiver(4, "a", False).allowed


def test_sizes_come_from_the_group_else_the_vhost_else_the_router(config: PolicyConfig) -> None:
    rules = Policy(replace(config, max_message_size=3))
    sizes = []
    for name, ours, group in (("a", None, {}), ("b", 2, {}), ("c", 2, {"maxMessageSize": 0}), ("d", 0, {})):
        rules.put_vhost(vhost(name, max_message_size=ours, groups={"$default": {**ANYWHERE, **group}}))
        permit = rules.opened(who(), name).permit
        assert permit is not None
        sizes.append(permit.settings.max_message_size)
    assert sizes == [3, 2, 0, 0]


@pytest.mark.parametrize(
    ("window", "frame", "frames"),
    [(4096, 1024, 4), (100, 1024, 2), (None, 1024, 77), (8 << 20, 16384, 512), (4096, 1, 8)],
)
def test_a_window_in_octets_becomes_frames(
    config: PolicyConfig, window: int | None, frame: int, frames: int
) -> None:
    permit = permit_of(config, maxSessionWindow=window)
    assert session_frames(permit.settings, frame, 77) == frames


# --- changes while it runs


def test_a_change_holds_for_connections_to_come_only(config: PolicyConfig) -> None:
    rules = Policy(config)
    rules.put_vhost(vhost(groups={"$default": {**ANYWHERE, "targets": "a"}}))
    old = rules.opened(who(port=1), "v").permit
    (line,) = rules.put_vhost(vhost(groups={"$default": {**ANYWHERE, "targets": "b"}}))
    assert line.text == "Updated policy rules for vhost v"
    new = rules.opened(who(port=2), "v").permit
    assert old is not None
    assert new is not None
    assert old.sender(1, "a").allowed
    assert not new.sender(1, "a").allowed
    assert rules.tallies["v"].approved == 2
    (line,) = rules.remove_vhost("v")
    assert line.text == "Deleted policy rules for vhost v"
    assert reason(rules, who()) == texts.NO_VHOST
    assert old.sender(2, "a").allowed
    old.closed(0)
    with pytest.raises(KeyError):
        rules.remove_vhost("v")


@pytest.mark.parametrize(
    "wrong",
    [
        vhost("w", aliases=("v",)),
        vhost("w", aliases=("x", "x")),
        vhost("v", groups={"g": {"remoteHosts": "9.9.9.9-1.1.1.1"}}),
        vhost("v", groups={"g": {**ANYWHERE, "sources": None, "sourcePattern": "a/${user}/b"}}),
    ],
)
def test_an_invalid_vhost_is_refused_and_changes_nothing(config: PolicyConfig, wrong: VhostConfig) -> None:
    rules = Policy(config)
    rules.put_vhost(vhost("v"))
    with pytest.raises(ValueError, match=f"PolicyError: Policy '{wrong.hostname}' is invalid: "):
        rules.put_vhost(wrong)
    assert [one.hostname for one in rules.vhosts] == ["v"]
    assert reason(rules, who()) == ""


def test_a_remote_host_without_address_is_a_warning_and_lets_nobody_in(config: PolicyConfig) -> None:
    rules = Policy(config)
    created, warning = rules.put_vhost(vhost(groups={"$default": {"remoteHosts": "nowhere.example"}}))
    assert (created.level, warning.level) == ("info", "warning")
    assert "'nowhere.example' has no address" in warning.text
    assert reason(rules, who()) == texts.NOT_FROM_HERE


def test_those_who_have_left_are_remembered_up_to_a_limit() -> None:
    present = Present()
    for number in range(REMEMBERED + 10):
        present.add(f"u{number}", "c")
        present.remove(f"u{number}", "c")
    assert len(present.connections) == REMEMBERED
    assert "u9" not in present.connections
    present.add("u10", "c")
    present.add("new", "c")
    present.remove("new", "c")
    assert present.count("u10") == 1


# --- any course of events


class Connections(RuleBasedStateMachine):
    """Whatever comes and goes, the counters say what is there."""

    def __init__(self) -> None:
        super().__init__()
        config = bare_config(patterns=False)
        self.rules = Policy(config)
        limits = {"max_connections": 4, "max_connections_per_user": 2, "max_connections_per_host": 3}
        self.rules.put_vhost(vhost(**limits))
        self.permits: list[Permit] = []
        self.opened = 0
        self.refused = 0

    @rule(user=st.sampled_from("abc"), host=st.integers(1, 3))
    def open(self, user: str, host: int) -> None:
        self.opened += 1
        permit = self.rules.opened(who(user, f"192.0.2.{host}", self.opened), "v").permit
        users = [one for one in self.permits if one.who.user == user]
        hosts = [one for one in self.permits if one.who.host == f"192.0.2.{host}"]
        assert (permit is not None) == (len(self.permits) < 4 and len(users) < 2 and len(hosts) < 3)
        if permit is None:
            self.refused += 1
        else:
            self.permits.append(permit)

    @rule(which=st.integers(0, 9))
    def close(self, which: int) -> None:
        if self.permits:
            self.permits.pop(which % len(self.permits)).closed(0)

    @invariant()
    def counters_are_true(self) -> None:
        tally = self.rules.tallies["v"]
        there = sorted(one.who.connection for one in self.permits)
        for present in (tally.users, tally.hosts):
            assert sorted(one for found in present.connections.values() for one in found) == there
        assert (tally.current, tally.denied) == (len(there), self.refused)
        assert tally.approved == self.opened - self.refused


TestConnections = Connections.TestCase
TestConnections.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


@settings(deadline=None)
@given(st.text(max_size=8), st.text(max_size=8))
def test_any_user_and_any_vhost_get_an_answer(user: str, name: str) -> None:
    rules = Policy(bare_config(patterns=True))
    rules.put_vhost(vhost("#.a"))
    opening = rules.opened(who(user), name)
    assert opening.verdict.allowed == (opening.permit is not None)
