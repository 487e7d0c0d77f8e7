"""Files beside the documents of a namespace, for programs that know their form."""

from __future__ import annotations

import json
from pathlib import Path

from skrouter.config.resources.documents import load
from skrouter.config.resources.site import SiteRecord
from skrouter.mgmt.controller.authority import CertificateAuthority
from skrouter.mgmt.platforms.linux.layout import Layout
from skrouter.mgmt.platforms.linux.store import NETWORK_STATUS, Store
from skrouter.mgmt.sites.entities import entity
from skrouter.mgmt.sites.network import Network, RouterView

LISTENER = entity("listener", "skupper-local-normal", role="normal", host="127.0.0.1", port=5673)
NETWORK = Network([RouterView("west-1", "interior", SiteRecord(id="W", name="west"))])


def store(tmp_path: Path) -> Store:
    return Store(Layout(tmp_path, "east"), CertificateAuthority())


def test_clients_are_told_how_to_reach_the_router(tmp_path: Path) -> None:
    found = store(tmp_path)
    found.write_config((LISTENER,), "linux")
    file = found.layout.certificates / "skupper-local-client/connect.json"
    assert json.loads(file.read_text()) == {
        "scheme": "amqps",
        "host": "127.0.0.1",
        "port": "5673",
        "tls": {
            "ca": "/etc/messaging/ca.crt",
            "cert": "/etc/messaging/tls.crt",
            "key": "/etc/messaging/tls.key",
            "verify": True,
        },
    }


def test_picture_of_the_network_is_a_config_map_that_stays_while_resources_change(tmp_path: Path) -> None:
    found = store(tmp_path)
    found.write_network_status(NETWORK)
    found.write_resources(())
    (document,) = load((found.layout.resources / NETWORK_STATUS).read_text()).good()
    assert document.metadata.namespace == "east" and document.name == "skupper-network-status"
    assert json.loads(document.data["NetworkStatus"])["siteStatus"][0]["site"]["name"] == "west"  # type: ignore[attr-defined]
    found.write_network_status(None)
    assert not (found.layout.resources / NETWORK_STATUS).exists()
