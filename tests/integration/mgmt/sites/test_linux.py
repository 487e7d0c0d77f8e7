"""A directory of documents becomes a running site, and changes reach the router while it runs."""

from __future__ import annotations

import os
import signal
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from skrouter.config.resources.common import Metadata
from skrouter.config.resources.connector import Connector, ConnectorSpec
from skrouter.config.resources.documents import load
from skrouter.config.resources.listener import Listener, ListenerSpec
from skrouter.config.resources.site import Site, SiteSpec
from skrouter.mgmt.platforms.linux import platform
from skrouter.mgmt.platforms.linux.managers import is_locked
from skrouter.mgmt.sites import changes as c
from skrouter.mgmt.sites.explain import explain
from skrouter_testing.process import free_port, wait_until

SITE = Site(Metadata("west"), SiteSpec(link_access="default"))


def listener(port: int, name: str = "backend") -> Listener:
    return Listener(Metadata(name), ListenerSpec("backend", "127.0.0.1", port))


def connector(port: int) -> Connector:
    return Connector(Metadata("backend"), ConnectorSpec("backend", port, host="127.0.0.1"))


def router_id(site) -> int:  # type: ignore[no-untyped-def]
    """The process of the site's router."""
    supervisor = int(site.layout.lock.read_text())
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    assert len(children) == 1
    return int(children[0])


def can_connect(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def modes(directory: Path) -> dict[str, int]:
    return {str(one.relative_to(directory)): stat.S_IMODE(one.stat().st_mode) for one in directory.rglob("*")}


def test_directory_of_documents_becomes_a_running_site_and_changes_live(sites) -> None:  # type: ignore[no-untyped-def]
    site = sites.add("west")
    first, second = free_port(), free_port()
    site.put(SITE, listener(first), connector(free_port()))
    outcome = site.settle()
    statuses = outcome.plan.statuses
    assert statuses[SITE.key].message == "OK" and statuses["Listener", "backend"].message == "OK"
    assert statuses["Connector", "backend"].message == "OK"
    assert can_connect(first)

    process = router_id(site)
    site.put(listener(second, "another"))
    site.settle()
    assert can_connect(first) and can_connect(second)
    site.path(listener(first)).unlink()
    site.settle()
    wait_until(lambda: not can_connect(first), "the deleted listener to close")
    assert can_connect(second) and router_id(site) == process

    stored = load((site.layout.resources / "Site-west.yaml").read_text()).good()[0]
    assert stored.status.network[0].services[0].routing_key == "backend"


def test_files_have_the_modes_that_keep_secrets(sites) -> None:  # type: ignore[no-untyped-def]
    site = sites.add("west")
    site.put(SITE)
    site.settle()
    for name, mode in modes(site.layout.root).items():
        is_secret = name.endswith("tls.key") or name.startswith("runtime/links/")
        path = site.layout.root / name
        if path.is_dir():
            assert mode == 0o755 or name == "input", name
        elif name != "internal/skrouterd.log":
            assert mode == (0o600 if is_secret else 0o644), name
    assert not [line for line in site.log if "PRIVATE" in line or "BEGIN" in line]


def test_problems_of_the_input_leave_the_running_site_alone(sites) -> None:  # type: ignore[no-untyped-def]
    site = sites.add("west")
    port = free_port()
    site.put(SITE, listener(port), connector(free_port()))
    site.settle()
    wait_until(lambda: can_connect(port), "the listener")
    site.path(listener(port)).write_text("kind: [")
    (site.layout.input_resources / "other.yaml").write_text(
        "apiVersion: skupper.io/v2alpha1\nkind: Listener\n"
        "metadata: {name: x, namespace: east}\nspec: {port: 0}"
    )
    outcome = site.reconcile()
    assert len(outcome.problems) >= 3 and can_connect(port)
    assert any('namespace must be "west"' in str(one) for one in outcome.problems)


def test_killed_router_comes_back_with_its_listeners(sites) -> None:  # type: ignore[no-untyped-def]
    site = sites.add("west")
    port = free_port()
    site.put(SITE, listener(port), connector(free_port()))
    site.settle()
    wait_until(lambda: can_connect(port), "the listener")
    process = router_id(site)
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not can_connect(port), "the router to die")
    wait_until(lambda: can_connect(port), "the router to come back")
    assert router_id(site) != process


def test_killed_supervisor_takes_its_router_along_and_both_are_started_anew(sites) -> None:  # type: ignore[no-untyped-def]
    site = sites.add("west")
    port = free_port()
    site.put(SITE, listener(port), connector(free_port()))
    site.settle()
    os.kill(int(site.layout.lock.read_text()), signal.SIGKILL)
    wait_until(lambda: not is_locked(site.layout.lock) and not can_connect(port), "both to end")
    site.settle()
    wait_until(lambda: can_connect(port), "the listener")


def test_new_controller_finds_the_site_as_it_is(sites) -> None:  # type: ignore[no-untyped-def]
    site = sites.add("west")
    site.put(SITE, listener(free_port()))
    site.settle()
    process = router_id(site)
    other = sites.add("west")
    other.settle()
    assert other.log == [] and router_id(other) == process


def test_removed_site_leaves_only_input_and_issuers(sites) -> None:  # type: ignore[no-untyped-def]
    site = sites.add("west")
    port = free_port()
    site.put(SITE, listener(port))
    site.settle()
    site.path(SITE).unlink()
    outcome = site.settle()
    assert outcome.plan.statuses["Listener", "backend"].message == "No active site in namespace"
    assert not site.manager.is_started() and not can_connect(port)
    left = {one.name for one in (site.layout.root / "runtime").iterdir()}
    assert left <= {"issuers", "resources"}


def test_port_in_use_is_told_with_the_words_of_the_router(sites) -> None:  # type: ignore[no-untyped-def]
    site = sites.add("west")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site.put(SITE)
        site.settle()
        bad = replace(listener(taken.getsockname()[1]), metadata=Metadata("taken"))
        site.put(bad, connector(free_port()))
        site.reconcile()
        outcome = site.reconcile()
    assert outcome.observed is not None
    causes = explain(bad.key, outcome.plan, outcome.observed)
    assert "in use" in " ".join(one.text for one in causes), causes


def test_site_comes_up_though_another_takes_its_ports_before_it_starts(sites, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    first, second = sites.add("first"), sites.add("second")
    first.put(replace(SITE, metadata=Metadata("first")))
    first.settle()
    unaware = replace(platform.observe_host(first.layout.home), ports_in_use=frozenset())
    with monkeypatch.context() as patched:
        patched.setattr(platform, "observe_host", lambda _: unaware)
        patched.setattr(platform, "ports_listened_on", frozenset)
        second.put(replace(SITE, metadata=Metadata("second")))
        second.reconcile()
    assert second.ports() == first.ports()
    second.settle()
    assert not second.ports() & first.ports()


def test_two_sites_link_and_serve_each_other(sites) -> None:  # type: ignore[no-untyped-def]
    west, east = sites.add("west"), sites.add("east")
    port, server = free_port(), free_port()
    west.put(SITE, listener(port))
    west.settle()
    east.put(Site(Metadata("east")), connector(server))
    (east.layout.input_resources / "link.yaml").write_text(
        (west.layout.links / "link-west-127.0.0.1.yaml")
        .read_text()
        .replace("namespace: west", "namespace: east")
    )
    east.settle()
    wait_until(lambda: east.reconcile().plan.statuses["Link", "link-west"].message == "OK", "the link")
    wait_until(lambda: west.reconcile().plan.statuses["Listener", "backend"].message == "OK", "the match")
    link = east.reconcile().plan.statuses["Link", "link-west"]
    assert link.remote_site_name == "west"  # type: ignore[attr-defined]
    with socket.create_server(("127.0.0.1", server)) as listening:
        listening.settimeout(10)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            accepted, _ = listening.accept()
            with accepted:
                client.sendall(b"hello")
                assert accepted.recv(5) == b"hello"


@pytest.mark.parametrize("crash", range(1, 12, 2))
def test_controller_that_dies_between_two_changes_is_followed_by_one_that_finishes(sites, crash: int) -> None:  # type: ignore[no-untyped-def]
    class DeathError(Exception):
        pass

    site = sites.add("west")
    count = 0
    carry_out = site.platform.carry_out

    def dying(change: c.Change) -> None:
        nonlocal count
        count += 1
        if count == crash:
            raise DeathError
        carry_out(change)

    site.platform.carry_out = dying
    port = free_port()
    site.put(SITE, listener(port), connector(free_port()))
    with pytest.raises(DeathError):
        site.settle()
    other = sites.add("west")
    other.settle()
    assert can_connect(port)
