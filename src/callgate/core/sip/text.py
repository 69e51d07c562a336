"""What peers wrote, as text that can be stored and sent anywhere: they may send bytes that are none."""

import re
from typing import Final

_NOT_TEXT: Final = re.compile("[\x00\udc80-\udcff]")


def storable(text: str) -> str:
    """The text with U+FFFD for NULs and for what is no UTF-8, which messages carry as surrogate escapes."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\x00", "\ufffd")


def storable_uri(text: str) -> str:
    """The same for URIs, with percent-escapes instead: on the wire these mean what was there."""
    if text.isascii() and "\x00" not in text:
        return text
    # A surrogate escape U+DCxx stands for the byte xx.
    return _NOT_TEXT.sub(lambda found: f"%{ord(found.group()) & 0xFF:02X}", text)
