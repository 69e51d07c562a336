import json

from hypothesis import given
from hypothesis import strategies as st

from callgate.store.text import to_json, to_json_without_nul, without_nul

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab\\\0u0", max_size=6), inner, max_size=4),
    max_leaves=12,
)


def replaced(value: object) -> object:
    if isinstance(value, str):
        return without_nul(value)
    if isinstance(value, list):
        return [replaced(one) for one in value]
    if isinstance(value, dict):
        return {replaced(name): replaced(one) for name, one in value.items()}
    return value


@given(VALUES | st.text("\\\0u0", max_size=12))
def test_what_is_written_without_nul_has_a_mark_in_its_place_and_nothing_else_changed(value: object) -> None:
    assert json.loads(to_json(value)) == value
    assert json.loads(to_json_without_nul(value)) == replaced(value)
