"""Which rules hold for which entity, and those over all entities. The rules of each subject are in rules/."""

from collections.abc import Iterable, Iterator

from skrouter.config.entity import Entity
from skrouter.config.errors import Problem
from skrouter.config.rules import addresses, connections, policy, router, tcp
from skrouter.config.rules.context import Context, Rule, about

_AMQP_PORT = (
    connections.role_in_mode,
    connections.limits,
    connections.port,
    connections.profiles,
    connections.open_properties,
)
_RULES: dict[str, tuple[Rule, ...]] = {
    "router": (router.router_id,),
    "network": (router.network_id,),
    "sslProfile": (router.ssl_ordinals,),
    "log": (router.log_levels,),
    "listener": (*_AMQP_PORT, connections.failover_urls, connections.port_is_new),
    "connector": (*_AMQP_PORT, connections.proxy_place),
    "router.config.address": (
        addresses.prefix_or_pattern,
        addresses.pattern_is_new,
        addresses.priority,
    ),
    "router.config.autoLink": (addresses.auto_link,),
    "vhost": (
        policy.groups,
        policy.users_are_in_one_group,
        policy.host_names_are_unique,
        policy.names_are_patterns,
    ),
    "tcpListener": (tcp.one_way_to_choose, connections.port, connections.profiles),
    "tcpConnector": (tcp.has_address, connections.port, connections.profiles),
    "listenerAddress": (tcp.listener_takes_addresses,),
}
_DOUBTFUL: dict[str, tuple[Rule, ...]] = {
    "listener": (connections.doubtful_components,),
    "connector": (connections.doubtful_components,),
    "router": (router.doubtful_router,),
    "sslProfile": (router.doubtful_ssl_profile,),
    "vhost": (policy.doubtful_groups,),
}


def validate(entities: Iterable[Entity]) -> list[Problem]:
    """Everything that is wrong with these entities together."""
    context = Context(entities)
    problems = list(_duplicates(context.entities))
    for entity in context.entities:
        problems.extend(_apply(_RULES, entity, context))
    return problems


def validate_one(entity: Entity, others: Iterable[Entity]) -> list[Problem]:
    """Everything that is wrong with one more entity, or a changed one, among the others."""
    context = Context((*others, entity))
    return [*_duplicates_of(entity, context.entities[:-1]), *_apply(_RULES, entity, context)]


def doubtful(entities: Iterable[Entity]) -> list[Problem]:
    """What is accepted and yet not as it should be: for the log."""
    context = Context(entities)
    return [problem for entity in context.entities for problem in _apply(_DOUBTFUL, entity, context)]


def _apply(table: dict[str, tuple[Rule, ...]], entity: Entity, context: Context) -> Iterator[Problem]:
    for rule in table.get(entity.short_type, ()):
        yield from rule(entity, context)


def _duplicates(entities: tuple[Entity, ...]) -> Iterator[Problem]:
    seen: dict[tuple[str, str], Entity] = {}
    singletons: dict[str, Entity] = {}
    for entity in entities:
        if entity.type.singleton and entity.short_type in singletons:
            yield _second_singleton(entity, singletons[entity.short_type])
            continue
        singletons.setdefault(entity.short_type, entity)
        for attribute in ("name", "identity"):
            value = entity.text(attribute)
            if value is None:
                continue
            if (attribute, value) in seen:
                yield _duplicate(entity, seen[attribute, value], attribute)
                break
            seen[attribute, value] = entity


def _duplicates_of(entity: Entity, others: tuple[Entity, ...]) -> Iterator[Problem]:
    for other in others:
        if entity.type.singleton and other.short_type == entity.short_type:
            yield _second_singleton(entity, other)
            return
        for attribute in ("name", "identity"):
            if entity.get(attribute) is not None and entity.get(attribute) == other.get(attribute):
                yield _duplicate(entity, other, attribute)
                return


def _duplicate(entity: Entity, existing: Entity, attribute: str) -> Problem:
    from_existing = f"from existing {existing.describe()}"
    text = f"adding {entity.describe()} duplicates unique attribute '{attribute}' {from_existing}"
    place = f" of line {existing.line}" if existing.line is not None else ""
    remedy = f"give it a name of its own, or remove it or {existing.type.shown_name}{place}"
    return about(entity, attribute, text, remedy)


def _second_singleton(entity: Entity, existing: Entity) -> Problem:
    text = (
        f"Adding {entity.short_type} singleton {entity.describe()} when {existing.describe()} already exists"
    )
    return about(entity, None, text, f"have one {entity.short_type} only")
