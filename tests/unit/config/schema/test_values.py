"""What each type of attribute takes, and what it says of what it does not take."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.config.schema import Attribute, InvalidValueError, load_schema
from skrouter.config.schema.values import CONVERTERS, to_enum

ATTRIBUTES = [*load_schema().entity_type("listener").attributes.values(), Attribute("list", "list")]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("kind", "value", "converted"),
    [
        ("string", "a b", "a b"),
        ("string", 21507, "21507"),
        ("path", "ca.crt", "ca.crt"),
        ("integer", "12", 12),
        ("integer", " -3 ", -3),
        ("integer", 9223372036854775807, 9223372036854775807),
        ("integer", 5.0, 5),
        *(("boolean", word, True) for word in ("yes", "true", "on", "YES", "True", "oN", True, 1)),
        *(("boolean", word, False) for word in ("no", "false", "off", "NO", False, 0)),
        ("map", '{"a": 1}', {"a": 1}),
        ("properties", {"a": {"b": True}}, {"a": {"b": True}}),
        ("list", "[1, 2]", [1, 2]),
    ],
)
def test_a_value_is_converted_to_its_type(kind: str, value: object, converted: object) -> None:
    result = CONVERTERS[kind](value)
    assert result == converted
    assert type(result) is type(converted)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", ["a"]),
        ("string", {"a": 1}),
        ("string", "a\0b"),
        ("integer", "12a"),
        ("integer", ""),
        ("integer", "1_000"),
        ("integer", "٣"),
        ("integer", True),
        ("integer", 1.5),
        ("integer", 1 << 63),
        ("integer", "9" * 5000),
        ("boolean", "maybe"),
        ("boolean", 2),
        ("boolean", None),
        ("map", "[1]"),
        ("map", "{"),
        ("map", {1: 2}),
        ("list", "{}"),
        ("list", "[" * 100000),
    ],
)
def test_a2_a_value_of_another_type_is_refused_with_itself_in_the_text(kind: str, value: object) -> None:
    with pytest.raises(InvalidValueError) as caught:
        CONVERTERS[kind](value)
    assert repr(value) in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(("value", "name"), [("http1", "http1"), (0, "none"), ("3", "http2")])
def test_a2_an_enum_takes_a_name_or_its_index(value: object, name: str) -> None:
    assert to_enum(("none", "auto", "http1", "http2"), value) == name


@pytest.mark.parametrize("value", ["bogus", 4, -1, "4", True, None, "NONE"])
def test_an_enum_refuses_other_values_in_the_words_of_the_reference(value: object) -> None:
    with pytest.raises(InvalidValueError) as caught:
        to_enum(("none", "auto", "http1", "http2"), value)
    assert str(caught.value) == f"Invalid value for enum['none', 'auto', 'http1', 'http2']: {value!r}"


def test_a_number_below_its_minimum_is_refused() -> None:
    attribute = Attribute("idleTimeoutSeconds", "integer", minimum=0)
    assert attribute.convert("0") == 0
    with pytest.raises(InvalidValueError, match="Invalid integer value: -1"):
        attribute.convert("-1")


@settings(deadline=None)
@given(value=ANYTHING, attribute=st.sampled_from(ATTRIBUTES))
def test_any_value_is_converted_or_refused_and_a_converted_one_stays_as_it_is(
    value: object, attribute: Attribute
) -> None:
    try:
        converted = attribute.convert(value)
    except InvalidValueError:
        return
    assert attribute.convert(converted) == converted
