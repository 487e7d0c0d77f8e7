"""What a configuration can ask for and this version cannot do: refused rather than left out in silence."""

from __future__ import annotations

from skrouter.config.model import Configuration, EntityConfig, PolicyConfig


def lacking_in(config: Configuration) -> list[str]:
    """What the configuration asks for in vain."""
    entities: tuple[EntityConfig, ...] = (config.policy, *config.listeners, *config.connectors)
    return list(dict.fromkeys(text for one in entities if (text := lacking(one)) is not None))


def lacking(config: EntityConfig) -> str | None:
    """What one entity asks for in vain."""
    match config:
        case PolicyConfig(enable_vhost_policy=True):
            return "policy enableVhostPolicy"
        case _:
            return None


def refusal(found: list[str]) -> str:
    """The text for the user."""
    return f"this version does not support: {', '.join(found)}; remove it"
