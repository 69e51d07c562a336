"""Where the node is that a command asks, and with which key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from callgate.cli.errors import Misused
from callgate.config.sections.http import HttpSettings
from callgate.config.sections.node import NodeSettings

URL_VARIABLE: Final = "CALLGATE_URL"
KEY_VARIABLE: Final = "CALLGATE_API_KEY"
_BIND_VARIABLE: Final = "CALLGATE_HTTP_BIND"
_FOLDER_VARIABLE: Final = "CALLGATE_DATA_DIR"
# Written by the node's first start: see `app/first_start.py`, which is not imported here because it loads the store.
_KEY_FILE: Final = "api-key"


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can be asked.

    Attributes:
        url: without a slash at its end.
        key: the API key; in no message and no `repr`.
        key_from: where the key comes from, in words.
    """

    url: str
    key: str = field(repr=False)
    key_from: str


def find_node(url: str | None, key: str | None, folder: Path | None, environment: Mapping[str, str]) -> Node:
    """The node that options, environment and data folder name; the first of these that says something counts.

    The key in a data folder is this machine's: it is not sent to a node elsewhere.

    Args:
        url: of the option.
        key: of the option.
        folder: the data folder of the option.
        environment: e.g. ``os.environ``.

    Raises:
        Misused: no such URL, no key to be found, or one that cannot be a key.
    """
    address = url or environment.get(URL_VARIABLE) or _bound(environment.get(_BIND_VARIABLE))
    found = _checked(address)
    given = key or environment.get(KEY_VARIABLE)
    if given:
        return Node(found, _plausible(given, "--key" if key else KEY_VARIABLE), "--key" if key else KEY_VARIABLE)
    if not _is_here(found):
        raise Misused(f"no API key for {found}; expected it in {KEY_VARIABLE} or --key")
    path = (folder or Path(environment.get(_FOLDER_VARIABLE) or NodeSettings().data_dir)) / _KEY_FILE
    try:
        text = path.read_text().strip()
    except FileNotFoundError:
        raise Misused(
            f"no API key: there is no file {path}; expected {KEY_VARIABLE}, or to be run in the folder where the node "
            "was started, or --data-dir"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        words = (error.strerror or "unreadable").lower() if isinstance(error, OSError) else "not text"
        raise Misused(
            f"cannot read the API key in {path}: {words}; expected to be run by who runs the node, or {KEY_VARIABLE}"
        ) from None
    return Node(found, _plausible(text, str(path)), str(path))


def _bound(bind: str | None) -> str:
    """The URL of a node on this machine that listens on `bind`."""
    host, _, port = (bind or HttpSettings().http_bind).rpartition(":")
    try:
        address = ip_address(host.strip("[]"))
        if address.is_unspecified:
            host = "127.0.0.1" if address.version == 4 else "[::1]"
    except ValueError:
        pass  # a name
    return f"http://{host}:{port}"


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url:
        raise Misused(f"not the URL of a node: {url!r}; expected e.g. http://127.0.0.1:8080")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Misused("the URL of a node holds a user, a query or a fragment; expected e.g. http://127.0.0.1:8080")
    return url.rstrip("/")


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _plausible(key: str, source: str) -> str:
    if not key.isascii() or not key.isprintable() or " " in key:
        raise Misused(f"{source} holds no API key; expected 8 letters or digits, a dot and 32 letters or digits")
    return key
