from pathlib import Path
from typing import Any

import pytest

from callgate.config.callers import CallerError, ListedCaller, read_callers
from callgate.config.load import SettingError, load

PASSWORD = "correct horse battery"
ALICE = {"password_env": "ALICE"}


def test_a_file_names_callers(tmp_path: Path) -> None:
    (tmp_path / "bob").write_text(PASSWORD + "\n")
    file = tmp_path / "callgate.toml"
    file.write_text(
        'caller_auth.mode = "instead"\n[callers.alice]\npassword_env = "ALICE"\n'
        f'[callers.desk]\nusername = "bob@desk"\naccount = "acme"\npassword_file = "{tmp_path / "bob"}"\n'
    )
    settings = load(environment={"ALICE": PASSWORD}, file=file)
    assert settings.callers == (
        ListedCaller(username="alice", password=PASSWORD),
        ListedCaller(username="bob@desk", account="acme", password=PASSWORD),
    )
    assert PASSWORD not in repr(settings)


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"a": {"password": PASSWORD}}, "a password has no place in the file; expected password_env or password_file"),
        ({"a": {"pasword_env": "ALICE"}}, "nothing is called pasword_env"),
        ({"a": {}}, "the password is too short or missing; expected 12 characters"),
        ({"a": {"password_env": "SHORT"}}, "the password is too short or missing"),
        ({"a": {"password_env": "NO_SUCH"}}, "the environment has no NO_SUCH"),
        ({"a": {**ALICE, "account": 5}}, "account is 5; expected a text"),
        ({'a"b': ALICE}, "username is 'a\"b'"),
        ({"a": {**ALICE, "username": "a:b"}}, "username is 'a:b'"),
        ({"a": ALICE, "b": {**ALICE, "username": "a"}}, "another caller has the username a"),
        ({"a": 5}, r"expected tables, [callers.NAME]"),
        (5, r"expected tables, [callers.NAME]"),
    ],
)
def test_what_cannot_be_used_is_said(tables: Any, words: str) -> None:
    with pytest.raises(CallerError) as caught:
        read_callers(tables, {"ALICE": PASSWORD, "SHORT": "short"}, "f")
    assert words in str(caught.value)
    assert "horse" not in str(caught.value)


def test_with_nobody_who_could_prove_itself_nobody_is_asked_to() -> None:
    with pytest.raises(SettingError, match=r"caller_auth.mode is also, and nobody could prove itself; expected tables"):
        load(environment={"CALLGATE_CALLER_AUTH_MODE": "also"})
