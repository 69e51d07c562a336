from pathlib import Path

import pytest

from callgate.config.secret import read_secret, references


def test_a_secret_stands_in_the_environment_or_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("in a file\n")
    assert references("pin") == ("pin_env", "pin_file")
    assert read_secret({"pin_env": "PIN"}, "pin", "pin of the door", {"PIN": "in there"}) == "in there"
    assert read_secret({"pin_file": str(tmp_path / "secret")}, "pin", "pin of the door", {}) == "in a file"
    assert read_secret({}, "pin", "pin of the door", {}) == ""


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"pin_env": "A", "pin_file": "b"}, "pin_env and pin_file; expected one of them"),
        ({"pin_env": "PIN"}, "the environment has no PIN; expected the pin of the door in it"),
        ({"pin_file": "/no/such"}, "cannot read the pin in /no/such"),
    ],
)
def test_where_it_is_not_is_said(table: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_secret(table, "pin", "pin of the door", {})
