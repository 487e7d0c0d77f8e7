"""All kinds, by name. A new kind is added here."""

from __future__ import annotations

from collections.abc import Mapping

from skrouter.config.resources.access_grant import AccessGrant
from skrouter.config.resources.access_token import AccessToken
from skrouter.config.resources.attached_connector import AttachedConnector, AttachedConnectorBinding
from skrouter.config.resources.certificate import Certificate
from skrouter.config.resources.common import CustomResource, Resource
from skrouter.config.resources.connector import Connector
from skrouter.config.resources.core import ConfigMap, Secret
from skrouter.config.resources.link import Link
from skrouter.config.resources.listener import Listener
from skrouter.config.resources.multi_key_listener import MultiKeyListener
from skrouter.config.resources.network_observer import NetworkObserver
from skrouter.config.resources.router_access import RouterAccess
from skrouter.config.resources.secured_access import SecuredAccess
from skrouter.config.resources.site import Site

CUSTOM: Mapping[str, type[CustomResource]] = {
    cls.KIND.name: cls
    for cls in (
        Site,
        Link,
        Listener,
        Connector,
        MultiKeyListener,
        AttachedConnector,
        AttachedConnectorBinding,
        AccessGrant,
        AccessToken,
        RouterAccess,
        SecuredAccess,
        Certificate,
        NetworkObserver,
    )
}
"""Kinds with a CRD."""

KINDS: Mapping[str, type[Resource]] = {**CUSTOM, "Secret": Secret, "ConfigMap": ConfigMap}
"""All kinds that documents may have."""
