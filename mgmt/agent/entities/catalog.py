"""The entity types of the agent, by the way they are answered."""

from typing import Final

from skrouter.mgmt.agent.entities import (
    address,
    address_config,
    allocator,
    auto_link,
    connection,
    connector,
    link,
    listener,
    listener_address,
    log,
    log_stats,
    management,
    metrics,
    network,
    node,
    policy,
    proxy_profile,
    router,
    site,
    ssl_profile,
    tcp_connection,
    tcp_connector,
    tcp_listener,
    vhost,
    vhost_stats,
)
from skrouter.mgmt.agent.entities.entity import CoreEntity, GeneralEntity

CORE: Final[dict[str, CoreEntity]] = {
    module.ENTITY.long_name: module.ENTITY
    for module in (address, link, address_config, auto_link, metrics, connection)
}
"""By long name: only the exact long name reaches them."""

GENERAL: Final[dict[str, GeneralEntity]] = {
    entity.type_name: entity
    for entity in (
        management.ENTITY,
        log.ENTITY,
        router.ENTITY,
        network.ENTITY,
        node.ENTITY,
        allocator.ENTITY,
        log_stats.ENTITY,
        policy.ENTITY,
        site.ENTITY,
        ssl_profile.ENTITY,
        proxy_profile.ENTITY,
        address_config.AS_CONFIGURED,
        auto_link.AS_CONFIGURED,
        vhost.ENTITY,
        vhost_stats.ENTITY,
        connector.ENTITY,
        listener.ENTITY,
        tcp_listener.ENTITY,
        tcp_connector.ENTITY,
        listener_address.ENTITY,
        tcp_connection.ENTITY,
    )
}
"""By short name, in the order in which a query without a type lists them: the order of creation at start."""
