"""Types with a fixed width refuse what does not fit them."""

import pytest
from skrouter.amqp import types as t

SIZED = (t.UByte, t.UShort, t.UInt, t.ULong, t.Byte, t.Short, t.Int, t.Long, t.Timestamp)


@pytest.mark.parametrize("cls", SIZED)
def test_a_sized_integer_holds_its_limits_and_no_more(cls: type[t.SizedInt]) -> None:
    assert cls(cls.LOW) == cls.LOW
    assert cls(cls.HIGH) == cls.HIGH
    for outside in (cls.LOW - 1, cls.HIGH + 1):
        with pytest.raises(ValueError, match=f"{cls.__name__} must be {cls.LOW}..{cls.HIGH}, not {outside}"):
            cls(outside)


@pytest.mark.parametrize("cls", SIZED)
def test_a_sized_integer_shows_its_type_to_developers_and_its_number_to_users(cls: type[t.SizedInt]) -> None:
    assert repr(cls(5)) == f"{cls.__name__}(5)"
    assert f"{cls(5)} {cls(5)!s}" == "5 5"


@pytest.mark.parametrize("text", ["", "ab", "\ud800"])
def test_a_char_is_one_character(text: str) -> None:
    with pytest.raises(ValueError, match="char must be one Unicode character"):
        t.Char(text)


@pytest.mark.parametrize("cls", [t.Decimal32, t.Decimal64, t.Decimal128])
def test_a_decimal_has_its_width(cls: type[t.Opaque]) -> None:
    number = cls(b"\1" * cls.WIDTH)
    assert bytes(number) == b"\1" * cls.WIDTH
    assert str(number) == "0x" + "01" * cls.WIDTH
    assert not isinstance(number, bytes) and number != bytes(number)
    with pytest.raises(ValueError, match=f"must have {cls.WIDTH} octets, not 3"):
        cls(b"\1\2\3")


def test_a_symbol_equals_its_text_but_shows_what_it_is() -> None:
    by_text: dict[str, int] = {t.Symbol("a"): 1}
    assert by_text["a"] == 1
    assert repr(t.Symbol("a")) == "Symbol('a')"
