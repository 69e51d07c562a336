import pytest
from hypothesis import given
from hypothesis import strategies as st

from callgate.core.sip.errors import ParseError
from callgate.core.sip.parameters import parameter, parse_parameters, quote, unquote, write_parameters


@pytest.mark.rfc("3261", "7.3.1", "Header Field Format")
def test_names_are_lower_case_and_values_as_they_came() -> None:
    parameters = parse_parameters('Tag=AbC ; lr;x="a;b\\"c"')
    assert parameters == (("tag", "AbC"), ("lr", None), ("x", '"a;b\\"c"'))
    assert parameter(parameters, "x") == 'a;b"c'
    assert parameter(parameters, "lr") is None
    assert parameter(parameters, "absent") is None
    assert write_parameters(parameters) == ';tag=AbC;lr;x="a;b\\"c"'


@pytest.mark.parametrize("text", ["", ";", "a;;b", "a=1;A=2", 'a="x', "a=", "a=x y", "a b", "a=<x>", "=x", "ä=1"])
def test_what_is_no_parameter_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_parameters(text)


@pytest.mark.rfc("3261", "25.1", "Basic Rules")
@given(st.text())
def test_any_text_survives_quoting(text: str) -> None:
    assert unquote(quote(text)) == text
    if not any(character in text for character in "\r\n"):
        assert parameter(parse_parameters(f"x={quote(text)};y"), "x") == text


@given(st.text(alphabet='a;="\\ <,\x00é', max_size=30))
def test_only_its_own_error_is_raised(text: str) -> None:
    try:
        parameters = parse_parameters(text)
    except ParseError:
        return
    assert parse_parameters(write_parameters(parameters)[1:]) == parameters
