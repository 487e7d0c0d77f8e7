"""Router annotations: octets of real routers, and every way to get them wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp import annotations as module
from skrouter.amqp import codec
from skrouter.amqp.annotations import (
    DESCRIPTOR,
    FLAG_Q2_DISABLED,
    FLAG_STREAMING,
    RouterAnnotations,
    decode_annotations,
    encode_annotations,
)
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.types import Symbol, UInt, ULong

REAL = [
    (
        RouterAnnotations(ingress="0/A", trace=("0/A",)),
        "0080534b50522d2d5241d000000019000000044340a103302f41d00000000900000001a103302f41",
    ),
    (
        RouterAnnotations(FLAG_STREAMING | FLAG_Q2_DISABLED, None, "0/A", ("0/A",)),
        "0080534b50522d2d5241d00000001a00000004520540a103302f41d00000000900000001a103302f41",
    ),
    (
        RouterAnnotations(ingress_mesh="1gVdizO2rd0mJnN"),
        "0080534b50522d2d5241d0000000190000000543404045a10f31675664697a4f327264306d4a6e4e",
    ),
]


@pytest.mark.parametrize(("annotations", "octets"), REAL)
def test_the_octets_are_those_of_the_reference(annotations: RouterAnnotations, octets: str) -> None:
    assert encode_annotations(annotations).hex() == octets
    assert decode_annotations(bytes.fromhex(octets) + b"more") == (annotations, len(octets) // 2)


texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    st.builds(
        RouterAnnotations,
        st.integers(0, 2**32 - 1),
        texts,
        texts,
        st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=20).map(tuple),
        texts,
    )
)
def test_whatever_is_written_can_be_read(annotations: RouterAnnotations) -> None:
    octets = encode_annotations(annotations)
    assert decode_annotations(octets) == (annotations, len(octets))


def section(value: object) -> bytes:
    """Annotations of any value."""
    return DESCRIPTOR + codec.encode(value)


def test_the_narrow_list_is_read_as_well() -> None:
    octets = DESCRIPTOR + codec.encode([UInt(0), None, None, []], codec.COMPACT)
    assert decode_annotations(octets) == (RouterAnnotations(), len(octets))


def test_fields_after_the_fifth_are_left_alone() -> None:
    octets = section([UInt(0), None, None, [], None, "later"])
    assert decode_annotations(octets) == (RouterAnnotations(), len(octets))


@pytest.mark.parametrize(
    "octets",
    [b"", DESCRIPTOR[:9], bytes.fromhex("005370d0000000050000000142"), b"\x00\xa3\x01x\x45"],
)
def test_other_octets_are_no_annotations(octets: bytes) -> None:
    assert decode_annotations(octets) == (None, 0)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (DESCRIPTOR, "cannot be read"),
        (section([]), "have 0 fields, at least 4 are needed"),
        (section([UInt(0), None, None]), "have 3 fields"),
        (section({"a": 1}), "are no list"),
        (section(None), "are no list"),
        (section([0, None, None, []]), "uint as flags"),
        (section([ULong(0), None, None, []]), "uint as flags"),
        (section([None, None, None, []]), "uint as flags"),
        (section([UInt(0), Symbol("x"), None, []]), "to-override"),
        (section([UInt(0), b"x", None, []]), "to-override"),
        (section([UInt(0), None, 7, []]), "ingress-router"),
        (section([UInt(0), None, None, None]), "list as trace"),
        (section([UInt(0), None, None, "0/A"]), "list as trace"),
        (section([UInt(0), None, None, ["0/A", None]]), "strings in their trace"),
        (section([UInt(0), None, None, [Symbol("0/A")]]), "strings in their trace"),
        (section([UInt(0), None, None, [], 5]), "ingress-mesh"),
        (section([UInt(0), None, None, [None] * 5000]), "5000 routers in their trace"),
        (section([UInt(0), "x" * module.MAX_SECTION, None, []]), f"at most {module.MAX_SECTION}"),
    ],
)
def test_wrong_annotations_are_an_invalid_field(octets: bytes, text: str) -> None:
    with pytest.raises(DecodeError, match=text) as caught:
        decode_annotations(octets)
    assert caught.value.condition == "amqp:invalid-field"


@given(st.binary(max_size=60))
def test_any_octets_after_the_descriptor_are_read_or_refused(data: bytes) -> None:
    try:
        found, end = decode_annotations(DESCRIPTOR + data)
    except DecodeError as error:
        assert error.condition == "amqp:invalid-field"
    else:
        assert found is not None
        assert end <= len(DESCRIPTOR + data)
