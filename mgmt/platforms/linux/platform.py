"""A namespace of this machine, as `skrouter.mgmt.sites.platform.Platform`; its manager runs the router."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from skrouter.config.resources.access_token import AccessToken
from skrouter.config.resources.common import CustomResource, Resource
from skrouter.mgmt.client.request import ManagementError
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.grants import GrantFiles, read_server
from skrouter.mgmt.platforms.linux.host import observe_host, ports_listened_on
from skrouter.mgmt.platforms.linux.layout import SECRET_MODE, Layout
from skrouter.mgmt.platforms.linux.live import LOST, LiveRouter, is_of_another, local_port
from skrouter.mgmt.platforms.linux.managers import RouterManager
from skrouter.mgmt.platforms.linux.store import Store
from skrouter.mgmt.platforms.linux.watcher import watch_directories
from skrouter.mgmt.sites import changes as c
from skrouter.mgmt.sites.entities import RouterConfig, RouterEntity, find
from skrouter.mgmt.sites.facts import Host, Identity, Observed, Setting
from skrouter.mgmt.sites.kinds.link import PASSWORD_FILE
from skrouter.mgmt.sites.network import Network
from skrouter.mgmt.sites.platform import Authority, Input, PlatformError

PLATFORM = "linux"

Redeem = Callable[[AccessToken, str], tuple[Resource, ...]]
"""Redeems a token for a subject; PlatformError if that fails."""


class LinuxPlatform:
    """One namespace. `new_identity` is for a site that has none yet; `now` gives seconds since 1970.

    `profiles` is where the router finds its credentials, if it does not see them where they are; `sources`
    is where the documents are, if not in the input.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        authority: Authority,
        manager: RouterManager,
        new_identity: Identity,
        now: Callable[[], float],
        redeem: Redeem,
        version: str,
        platform: str = PLATFORM,
        profiles: str = "",
        sources: Path | None = None,
    ) -> None:
        self._store = Store(layout, authority, sources)
        self._layout = layout
        self._authority = authority
        self._manager = manager
        self._new_identity = new_identity
        self._now = now
        self._redeem = redeem
        self._setting = Setting(platform, layout.namespace, version, profiles or str(layout.certificates))
        self._router: LiveRouter | None = None
        self._grants = GrantFiles(layout.grants)
        self._network: Network | None = None
        self._provided = self._store.provided(())
        self._refusals: dict[tuple[str, str], str] = {}

    @property
    def setting(self) -> Setting:
        """Where the site lives."""
        return self._setting

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """The turn of the namespace. What writers left that were killed is removed first."""
        with files.turn(self._layout.turn):
            files.sweep(self._layout.root)
            yield

    @property
    def log(self) -> str:
        """Where the router's words are, or the command that shows them."""
        return self._manager.log

    def read_input(self) -> Input:
        """What is in the input directory."""
        return self._store.read_input()

    def observe(self, resources: Sequence[Resource]) -> Observed:
        """Files, process and running router."""
        store, layout = self._store, self._layout
        redeemed = store.redeemed()
        documents = [*(one for found in redeemed.values() for one in found), *resources]
        self._provided = store.provided(documents)
        config = store.config()
        started = self._manager.is_started()
        running, self._network = self._look(config) if started else (None, None)
        return Observed(
            host=observe_host(layout.home / "namespaces"),
            identity=_identity(config) or self._new_identity,
            issuers=store.credentials(layout.issuers),
            credentials=store.credentials(layout.certificates),
            provided_issuers=store.credentials(layout.input_issuers),
            provided_credentials=store.describe(self._provided),
            revisions=store.revisions(),
            config=config,
            started=started,
            running=running,
            network=self._network,
            static_links=store.static_links(),
            refusals=dict(self._refusals),
            statuses=store.statuses(),
            redeemed=redeemed,
            passwords=store.passwords(),
            grants=self._grants.all(),
            grant_server=read_server(layout.home),
            taken_ports=frozenset() if running is not None else self._taken_ports(config),
            has_run=layout.has_run.exists(),
        )

    def _taken_ports(self, config: RouterConfig) -> frozenset[int]:
        """Ports of others; none while the router may be there, which opens its own port before all else."""
        found, own = ports_listened_on(), local_port(config)
        if own is None or own not in ports_listened_on() or is_of_another(own, self._layout.certificates):
            return found
        return frozenset()

    def observe_grants(self) -> Observed:
        """What is kept of grants, and nothing else: for who waits for one."""
        return Observed(
            Host(),
            self._new_identity,
            grants=self._grants.all(),
            grant_server=read_server(self._layout.home),
        )

    def _look(self, config: RouterConfig) -> tuple[tuple[RouterEntity, ...] | None, Network | None]:
        """What the router shows; nothing if it does not answer. The connection stays for changes."""
        self.release()
        port = local_port(config)
        if port is None:
            return None, None
        try:
            self._router = LiveRouter(port, self._layout.certificates)
            seen = self._router.entities(), self._router.network()
        except (*LOST, ManagementError, OSError):
            self.release()
            return None, None
        files.make_directory(self._layout.internal)
        self._layout.has_run.touch()
        return seen

    def release(self) -> None:
        """End the connection to the router."""
        if self._router is not None:
            self._router.close()
            self._router = None

    def tell(self, resources: Sequence[CustomResource]) -> None:
        """Keep these resources with their statuses and no others, and what is seen of the network."""
        self._store.write_resources(resources)
        self._store.write_network_status(self._network)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Look for changes below input."""
        layout = self._layout
        watched = (self._store.sources, layout.input_certificates, layout.input_issuers)
        for directory in watched:
            files.make_directory(directory)
        return watch_directories(watched, changed)

    # --- changes

    def carry_out(self, change: c.Change) -> None:
        """Do it."""
        match change:
            case c.CreateEntity() | c.UpdateEntity() | c.DeleteEntity():
                self._manage(change)
            case c.StartRouter():
                self._manager.start(self._site_id())
            case c.RestartRouter():
                self.release()
                self._manager.restart()
            case c.RemoveSite():
                self.release()
                self._manager.stop()
                self._store.remove_site()
            case c.RedeemToken(token=token, subject=subject):
                self._redeem_token(token, subject)
            case _:
                self._write(change)

    def _write(self, change: c.Change) -> None:
        store, layout = self._store, self._layout
        match change:
            case c.MakeIssuer(name=name, subject=subject, keep_key=keep_key):
                key = store.issuer(name).key if keep_key else None
                pems = self._authority.make_issuer(subject, self._now(), key)
                files.write_pems(layout.issuers / name, pems)
            case c.AdoptIssuer(name=name):
                self._adopt_issuer(name)
            case c.IssueCertificate(name=name, issuer=issuer, subject=subject, hosts=hosts):
                pems = self._authority.issue(store.issuer(issuer), subject, hosts, self._now())
                files.write_pems(layout.certificates / name, pems)
            case c.AdoptCredentials(source=source, name=name):
                files.write_pems(layout.certificates / name, self._provided[source])
            case c.RemoveCredentials(name=name):
                files.remove(layout.certificates / name)
            case c.StoreRevisions(revisions=revisions):
                store.write_revisions(revisions)
            case c.StoreConfig(config=config):
                store.write_config(config, self._setting.platform)
            case c.StoreStaticLink(file=file, link=link, credentials=credentials):
                store.write_static_link(file, link, credentials)
            case c.RemoveStaticLink(file=file):
                files.remove(layout.links / file)
            case c.StorePassword(name=name, password=password):
                path = layout.certificates / name / PASSWORD_FILE
                files.write(path, f"{password}\n".encode(), SECRET_MODE)
            case c.KeepGrant():
                self._grants.keep(change, self._now())
            case c.RemoveGrant(name=name):
                self._grants.remove(name)

    def _redeem_token(self, token: AccessToken, subject: str) -> None:
        self._refusals.pop(token.key, None)
        try:
            self._store.write_redeemed(token.name, self._redeem(token, subject))
        except PlatformError as error:
            self._refusals[token.key] = str(error)

    def _adopt_issuer(self, name: str) -> None:
        pems = files.read_pems(self._layout.input_issuers / name)
        if pems is None:
            raise PlatformError(f"the CA {name} has gone from {self._layout.input_issuers}")
        files.write_pems(self._layout.issuers / name, pems)

    def _manage(self, change: c.CreateEntity | c.UpdateEntity | c.DeleteEntity) -> None:
        if self._router is None:
            raise PlatformError("the router does not answer")
        key = (change.type, change.name) if isinstance(change, c.DeleteEntity) else change.entity.key
        try:
            refusal = self._router.carry_out(change)
        except LOST as error:
            self.release()
            raise PlatformError(f"the router does not answer: {error}") from error
        self._refusals.pop(key, None)
        if refusal:
            self._refusals[key] = refusal

    def _site_id(self) -> str:
        return (_identity(self._store.config()) or self._new_identity).site_id


def _identity(config: RouterConfig) -> Identity | None:
    """The identity that a stored configuration has."""
    router, site = find(config, "router"), find(config, "site")
    if router is None or site is None:
        return None
    try:
        site_id = str(json.loads(str(router.get("metadata")))["id"])
    except (ValueError, KeyError, TypeError):
        return None
    return Identity(site_id, router.name.removeprefix(f"{site.name}-"))
