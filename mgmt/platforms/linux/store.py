"""A namespace as values: its files read into what the site model observes, and written as it asks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from skrouter.config.resources.common import CustomResource, Metadata, Resource, Status
from skrouter.config.resources.core import ConfigMap, Secret
from skrouter.config.resources.documents import Loaded, dump, load
from skrouter.config.resources.link import Link
from skrouter.config.resources.problems import Place, Problem
from skrouter.config.resources.validate import validate
from skrouter.mgmt.platforms.linux import files
from skrouter.mgmt.platforms.linux.layout import INPUT_SUFFIXES, SECRET_MODE, Layout, mode_of
from skrouter.mgmt.sites.certificates import LOCAL_CLIENT
from skrouter.mgmt.sites.entities import ConfigTextError, RouterConfig, parse, render
from skrouter.mgmt.sites.facts import Credentials, Revision, StaticLink
from skrouter.mgmt.sites.kinds.link import PASSWORD_FILE
from skrouter.mgmt.sites.network import Network
from skrouter.mgmt.sites.network_status import network_status
from skrouter.mgmt.sites.platform import Authority, Input, Pems, PlatformError, content_digest

NETWORK_STATUS = "ConfigMap-skupper-network-status.yaml"
"""The file among the effective resources that holds the picture of the network."""

MESSAGING = "/etc/messaging"
"""Where clients in containers have the credentials (local-system.md §3)."""

_TLS_FILES = {"ca": files.CA_FILE, "cert": files.CERTIFICATE_FILE, "key": files.KEY_FILE}


class Store:
    """The files of one namespace; `sources` is where the user's documents are, if not in its input."""

    def __init__(self, layout: Layout, authority: Authority, sources: Path | None = None) -> None:
        self.layout = layout
        self.sources = sources or layout.input_resources
        self._authority = authority

    # --- what the user wants

    def read_input(self) -> Input:
        """The input, or all that is wrong with it; of no file a part is used."""
        loaded = Loaded()
        for file in files.entries(self.sources):
            if file.suffix in INPUT_SUFFIXES and file.is_file():
                loaded += self._load_input(file)
        problems = [*loaded.problems]
        if not problems:
            known = [one.name for one in files.entries(self.layout.input_certificates)]
            problems = validate(loaded.resources, known_credentials=known, site_required=False)
        warnings = (*loaded.warnings, *self._incomplete())
        return Input(() if problems else loaded.resources, tuple(problems), warnings)

    def _load_input(self, file: Path) -> Loaded:
        name = str(file.relative_to(self.layout.root))
        content = files.read(file) or b""
        try:
            loaded = load(content.decode("utf-8-sig"), name)
        except UnicodeDecodeError as error:
            return Loaded(
                problems=(Problem(Place(name), f"is not UTF-8: {error.reason}", "save it as UTF-8"),)
            )
        return loaded + self._strangers(loaded, name)

    def _strangers(self, loaded: Loaded, name: str) -> Loaded:
        """Documents of another namespace."""
        own = self.layout.namespace
        return Loaded(
            problems=tuple(
                Problem(
                    Place(name, resource=one.describe()),
                    f'namespace must be "{own}", but sources are defined using "{one.metadata.namespace}"',
                    "correct metadata.namespace, or leave it out",
                )
                for one in loaded.resources
                if one.metadata.namespace not in ("", own)
            )
        )

    def _incomplete(self) -> Iterable[Problem]:
        for parent in (self.layout.input_certificates, self.layout.input_issuers):
            for directory in files.entries(parent):
                pems = files.read_pems(directory)
                if pems is None or self._authority.describe(directory.name, pems) is None:
                    text = "ca.crt, tls.crt and tls.key are not all there, or do not belong together"
                    place = Place(str(directory.relative_to(self.layout.root)))
                    yield Problem(place, text, "provide all three, tls.crt signed by ca.crt")

    # --- credentials

    def credentials(self, directory: Path) -> dict[str, Credentials]:
        """All that are whole, by name."""
        found = {one.name: self._describe(one.name, files.read_pems(one)) for one in files.entries(directory)}
        return {name: one for name, one in found.items() if one is not None}

    def provided(self, resources: Iterable[Resource]) -> dict[str, Pems]:
        """Credentials of the user: directories win over Secrets."""
        secrets = [one for one in resources if isinstance(one, Secret) and one.holds_credentials]
        directories = files.entries(self.layout.input_certificates)
        found = {one.name: files.pems_of(one.data) for one in secrets}
        read = {one.name: files.read_pems(one) for one in directories}
        return {**found, **{name: pems for name, pems in read.items() if pems is not None}}

    def passwords(self) -> dict[str, str]:
        """Digests of the passwords of proxies, by proxyProfile."""
        found = {one.name: files.read(one / PASSWORD_FILE) for one in files.entries(self.layout.certificates)}
        return {name: content_digest(one.rstrip(b"\n")) for name, one in found.items() if one is not None}

    def describe(self, pems: Mapping[str, Pems]) -> dict[str, Credentials]:
        """What they are, by name; broken ones are left out."""
        found = {name: self._describe(name, one) for name, one in pems.items()}
        return {name: one for name, one in found.items() if one is not None}

    def _describe(self, name: str, pems: Pems | None) -> Credentials | None:
        return None if pems is None else self._authority.describe(name, pems)

    def issuer(self, name: str) -> Pems:
        """A CA in use; PlatformError if it has gone meanwhile."""
        pems = files.read_pems(self.layout.issuers / name)
        if pems is None:
            raise PlatformError(f"the CA {name} has gone")
        return pems

    # --- the router's file, revisions, links, tokens

    def config(self) -> RouterConfig:
        """The stored configuration; one that cannot be read counts as none."""
        text = files.read(self.layout.router_config)
        try:
            return () if text is None else parse(text.decode())
        except (ConfigTextError, UnicodeDecodeError):
            return ()

    def write_config(self, config: RouterConfig, platform: str) -> None:
        """Store it, and which platform runs the site."""
        files.write(self.layout.platform_file, f"platform: {platform}\n".encode())
        self._write_connection(config)
        files.write(self.layout.router_config, render(config).encode())

    def _write_connection(self, config: RouterConfig) -> None:
        """How clients that have the site's own credentials reach the router (the form of qpid-proton)."""
        listener = next(
            (one for one in config if one.type == "listener" and one.get("role") == "normal"), None
        )
        if listener is None:
            return
        tls = {key: f"{MESSAGING}/{file}" for key, file in _TLS_FILES.items()} | {"verify": True}
        content = {
            "scheme": "amqps",
            "host": listener.get("host"),
            "port": str(listener.get("port")),
            "tls": tls,
        }
        path = self.layout.certificates / LOCAL_CLIENT / "connect.json"
        files.write(path, json.dumps(content, indent=4).encode())

    def revisions(self) -> dict[str, Revision]:
        """Which contents the router was told of; none if that is not known."""
        try:
            found = json.loads(files.read(self.layout.revisions) or b"{}")
            return {name: _revision(*fields) for name, fields in found.items()}
        except (ValueError, TypeError, AttributeError):
            return {}

    def write_revisions(self, revisions: Mapping[str, tuple[str, int, str, int]]) -> None:
        """Keep them."""
        files.write(self.layout.revisions, json.dumps(dict(revisions), indent=1, sort_keys=True).encode())

    def static_links(self) -> dict[str, StaticLink]:
        """The links for other sites that are whole."""
        found: dict[str, StaticLink] = {}
        for file in files.entries(self.layout.links):
            documents = self._documents(file)
            link = next((one for one in documents if isinstance(one, Link)), None)
            secret = next((one for one in documents if isinstance(one, Secret)), None)
            if link is not None and secret is not None and secret.holds_credentials:
                found[file.name] = StaticLink(link, files.pems_of(secret.data).digest)
            else:
                found[file.name] = StaticLink(Link(), "")
        return found

    def write_static_link(self, name: str, link: Link, credentials: str) -> None:
        """A Secret and the link that uses it, in one file."""
        pems = files.read_pems(self.layout.certificates / credentials)
        if pems is None:
            raise PlatformError(f"the credentials {credentials} have gone")
        data = {"ca.crt": pems.ca, "tls.crt": pems.certificate, "tls.key": pems.key}
        metadata = replace(link.metadata, name=link.spec.tls_credentials)
        secret = Secret(metadata, "kubernetes.io/tls", data)
        files.write(self.layout.links / name, dump([secret, link], status=False).encode(), SECRET_MODE)

    def redeemed(self) -> dict[str, tuple[Resource, ...]]:
        """What tokens have become, by token."""
        found = {file.stem: self._documents(file) for file in files.entries(self.layout.tokens)}
        return {name: documents for name, documents in found.items() if documents}

    def write_redeemed(self, token: str, documents: Sequence[Resource]) -> None:
        """Keep what a token has become."""
        files.write(self.layout.tokens / f"{token}.yaml", dump(documents).encode(), SECRET_MODE)

    # --- what has effect

    def statuses(self) -> dict[tuple[str, str], Status]:
        """The statuses that were told last."""
        return {one.key: one.status for one in self.effective() if isinstance(one, CustomResource)}

    def effective(self) -> list[Resource]:
        """The resources that have effect."""
        return [one for file in files.entries(self.layout.resources) for one in self._documents(file)]

    def write_resources(self, resources: Sequence[CustomResource]) -> None:
        """Keep these and no others."""
        wanted = {f"{one.KIND.name}-{one.name}.yaml": one for one in resources}
        for name, one in wanted.items():
            files.write(self.layout.resources / name, dump([one]).encode(), mode_of(one.KIND.name))
        for file in files.entries(self.layout.resources):
            if file.name not in wanted and file.name != NETWORK_STATUS:
                files.remove(file)

    def write_network_status(self, network: Network | None) -> None:
        """Keep the picture of the network; none while the router does not answer."""
        path = self.layout.resources / NETWORK_STATUS
        if network is None:
            files.remove(path)
            return
        metadata = Metadata("skupper-network-status", self.layout.namespace)
        text = json.dumps(network_status(network), separators=(",", ":"))
        files.write(path, dump([ConfigMap(metadata, {"NetworkStatus": text})]).encode())

    def remove_site(self) -> None:
        """Everything but what the user wrote and the CAs."""
        layout = self.layout
        made = (layout.router_config.parent, layout.certificates, layout.links, layout.resources)
        kept = (layout.revisions, layout.platform_file, layout.tokens, layout.grants)
        for path in (*made, *kept, layout.has_run, layout.snapshot, layout.backup):
            files.remove(path)

    def _documents(self, file: Path) -> tuple[Resource, ...]:
        """Of a file of our own: what is broken counts as absent."""
        try:
            loaded = load((files.read(file) or b"").decode())
        except UnicodeDecodeError:
            return ()
        return () if loaded.problems else loaded.resources


def _revision(digest: object, ordinal: object, ca_key: object = "", since: object = 0) -> Revision:
    return Revision(str(digest), int(str(ordinal)), str(ca_key), int(str(since)))
