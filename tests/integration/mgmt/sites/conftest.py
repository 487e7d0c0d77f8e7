"""Sites of this machine in a temporary data home, with real routers under our supervisor."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from skrouter.config.resources.access_token import AccessToken
from skrouter.config.resources.common import Resource
from skrouter.config.resources.documents import dump
from skrouter.mgmt.controller.authority import CertificateAuthority
from skrouter.mgmt.controller.loop import Outcome, reconcile_once
from skrouter.mgmt.platforms.linux.layout import Layout
from skrouter.mgmt.platforms.linux.managers import SupervisedManager
from skrouter.mgmt.platforms.linux.platform import LinuxPlatform
from skrouter.mgmt.sites.entities import listening_ports, parse
from skrouter.mgmt.sites.facts import Identity
from skrouter.mgmt.sites.platform import PlatformError
from skrouter_testing.process import wait_until

DAEMON = (sys.executable, "-P", "-m", "skrouter.cli.skrouterd")


def no_redemption(token: AccessToken, subject: str) -> tuple[Resource, ...]:
    raise PlatformError(f"nobody redeems {token.name} for {subject}")


@dataclass
class LocalSite:
    """One namespace and its platform."""

    layout: Layout
    manager: SupervisedManager
    platform: LinuxPlatform
    log: list[str] = field(default_factory=list)

    def put(self, *resources: Resource) -> None:
        """Write the resources as a user does."""
        self.layout.input_resources.mkdir(parents=True, exist_ok=True)
        for one in resources:
            self.path(one).write_text(dump([one], status=False))

    def path(self, resource: Resource) -> Path:
        return self.layout.input_resources / f"{resource.KIND.name}-{resource.name}.yaml"

    def ports(self) -> frozenset[int]:
        """Of the listeners that the router starts with."""
        return listening_ports(parse(self.layout.router_config.read_text()))

    def reconcile(self) -> Outcome:
        """One pass."""
        return reconcile_once(self.platform, time.time, lambda _, text: self.log.append(text))

    def settle(self) -> Outcome:
        """Passes until there is nothing to do and the router answers."""
        outcomes: list[Outcome] = []

        def is_settled() -> bool:
            outcomes.append(self.reconcile())
            return outcomes[-1].is_settled

        wait_until(is_settled, f"the site of {self.layout.namespace} to settle")
        return outcomes[-1]


class Sites:
    """Makes sites below one data home, and ends their routers."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._made: list[LocalSite] = []

    def add(self, namespace: str) -> LocalSite:
        """A namespace, or another controller of one that exists."""
        layout = Layout(self.home, namespace)
        manager = SupervisedManager(layout, DAEMON)
        platform = LinuxPlatform(
            layout,
            authority=CertificateAuthority(),
            manager=manager,
            new_identity=Identity(f"site-{namespace}", "1-1"),
            now=time.time,
            redeem=no_redemption,
            version="2.1.0",
        )
        site = LocalSite(layout, manager, platform)
        self._made.append(site)
        return site

    def end(self) -> None:
        for site in self._made:
            site.platform.release()
            site.manager.stop()


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    found = Sites(tmp_path)
    yield found
    found.end()
