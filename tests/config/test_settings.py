from dataclasses import fields
from typing import get_type_hints

import pytest

from callgate.config.declaration import Declaration
from callgate.config.settings import DECLARED, DEFAULTS, Settings, declarations


@pytest.mark.parametrize("declaration", declarations(), ids=lambda declaration: declaration.name)
def test_every_default_lies_within_its_own_limits(declaration: Declaration) -> None:
    value = getattr(DEFAULTS, declaration.attribute)
    if declaration.lowest is not None:
        assert value >= declaration.lowest
    if declaration.highest is not None:
        assert value <= declaration.highest
    if declaration.choices:
        values = value if isinstance(value, tuple) else (str(value),)
        assert set(values) <= set(declaration.choices)


@pytest.mark.parametrize("declaration", declarations(), ids=lambda declaration: declaration.name)
def test_every_setting_says_what_it_is_for(declaration: Declaration) -> None:
    assert declaration.help[0].isupper() or declaration.help[0].isdigit()
    assert declaration.help.endswith(".")
    if isinstance(getattr(DEFAULTS, declaration.attribute), int | float) and not declaration.choices:
        assert declaration.lowest is not None or isinstance(getattr(DEFAULTS, declaration.attribute), bool)


def test_one_name_everywhere() -> None:
    declaration = DECLARED["sip_t1_ms"]
    assert (declaration.name, declaration.environment, declaration.option) == (
        "sip.t1_ms",
        "CALLGATE_SIP_T1_MS",
        "--sip-t1-ms",
    )
    assert {*DECLARED, "models", "callers"} == {entry.name for entry in fields(Settings)}
    names = [declaration.name for declaration in declarations()]
    assert len(names) == len(set(names))


def test_a_name_in_a_table_of_the_file_is_no_table_itself() -> None:
    names = {declaration.name for declaration in declarations()}
    assert not names & {name.partition(".")[0] for name in names if "." in name}


def test_only_types_that_loading_knows() -> None:
    hints = {name: hint for name, hint in get_type_hints(Settings).items() if name in DECLARED}
    assert set(hints.values()) <= {str, int, float, bool, tuple[str, ...]}


def test_secrets_are_marked() -> None:
    assert DECLARED["api_key"].secret
    assert DECLARED["database_url"].secret
