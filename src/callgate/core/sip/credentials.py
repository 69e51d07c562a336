"""Messages that may be kept: without what proves who somebody is."""

import re
from typing import Final

_CREDENTIALS: Final = re.compile(
    rb"^((?:proxy-)?authorization[ \t]*:[ \t]*)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE
)
CUT: Final = b"********"


def without_credentials(message: bytes) -> bytes:
    """A message with every value of Authorization and Proxy-Authorization cut, folded lines too."""
    return _CREDENTIALS.sub(rb"\g<1>" + CUT, message)
