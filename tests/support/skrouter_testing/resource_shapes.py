"""Hypothesis strategies of resources, made from the shapes of their kinds: every field, only good values."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from skrouter.config.resources.catalog import CUSTOM
from skrouter.config.resources.common import CustomResource, Metadata
from skrouter.config.resources.multi_key_listener import Priority, Strategy, Weighted
from skrouter.config.resources.rules import Rule
from skrouter.config.resources.shape import Field, fields_of, is_list, is_map, item_type, without_none

_TEXT = st.text("aZ0 :#-'\"\n{[é", min_size=1, max_size=8)
_NAMES = st.text("abc123", min_size=1, max_size=5)
_FORMS = {
    "name": _NAMES,
    "label": _NAMES,
    "host": st.one_of(_NAMES, st.sampled_from(["10.0.0.1", "::1"])),
    "certificate host": st.sampled_from(["a.example", "*.example", "::1"]),
    "duration": st.sampled_from(["15m", "1h30m", "90s", "1.5h"]),
    "some": _TEXT,
}


def instances(cls: type) -> st.SearchStrategy[Any]:
    """Objects of a shape."""
    if cls is Strategy:
        return st.one_of(
            st.builds(Strategy, priority=instances(Priority)),
            st.builds(Strategy, weighted=instances(Weighted)),
        )
    return st.builds(cls, **{one.attribute_name: _values(one) for one in fields_of(cls)})


def resources() -> st.SearchStrategy[CustomResource]:
    """Resources of all kinds with a CRD."""
    return st.one_of([resource_of(CUSTOM[name]) for name in sorted(CUSTOM)])


def resource_of(cls: type[CustomResource]) -> st.SearchStrategy[CustomResource]:
    """Resources of one kind."""
    metadata = st.builds(Metadata, name=_NAMES, namespace=_NAMES)
    return st.builds(cls, metadata=metadata, spec=instances(cls.KIND.spec), status=instances(cls.KIND.status))


def _values(one: Field) -> st.SearchStrategy[Any]:
    kind = without_none(one.type)
    if is_list(kind):
        least = 1 if one.attribute.required else 0
        return st.lists(_single(one, item_type(kind)), min_size=least, max_size=3).map(tuple)
    if is_map(kind):
        least = 1 if one.attribute.required else 0
        inner = item_type(kind)
        values = _TEXT if inner is Any else _single(one, inner)
        return st.dictionaries(_TEXT, values, min_size=least, max_size=3)
    found = _single(one, kind)
    return st.one_of(st.none(), found) if kind is not one.type and not one.attribute.required else found


def _single(one: Field, kind: Any) -> st.SearchStrategy[Any]:
    if kind is bool:
        return st.booleans()
    if kind is int:
        return _numbers(one.attribute.rule)
    if kind is str:
        return _texts(one)
    return instances(kind)


def _numbers(rule: Rule | None) -> st.SearchStrategy[int]:
    least = 1 if rule is None else max(rule.minimum or 0, 1)
    return st.integers(least, 1 << 31 if rule is None or rule.maximum is None else rule.maximum)


def _texts(one: Field) -> st.SearchStrategy[str]:
    rule = one.attribute.rule
    if rule is None:
        return _TEXT
    if rule.choices:
        return st.sampled_from([choice for choice in rule.choices if choice])
    return _FORMS[rule.form or "some"]
