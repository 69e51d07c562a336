"""Keys of SRTP in session descriptions: the `a=crypto` lines of RFC 4568 (SDP Security Descriptions, "SDES").

What is wrong with a line is said without quoting it: there is a key in it.
"""

import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from callgate.core.sdp.description import SdpError
from callgate.core.sdp.limits import CRYPTO_LINES_MAX, LIFETIME_PACKETS_MAX, MKI_BYTES_MAX

# Bytes of master key and master salt: RFC 4568 section 6.2 (Crypto-Suites), RFC 7714 section 14.2 (SDP Security
# Descriptions).
SUITES: Final = {"AES_CM_128_HMAC_SHA1_80": 16 + 14, "AEAD_AES_128_GCM": 16 + 12, "AES_CM_128_HMAC_SHA1_32": 16 + 14}
"""What we speak, in the order in which we offer it, with the bytes of key and salt together."""

_MKI_DIGITS_MAX: Final = 309  # of a number of 128 bytes
_TAG_DIGITS_MAX: Final = 9  # RFC 4568 section 9.1 (Generic "Crypto" Attribute Grammar)


@dataclass(frozen=True, slots=True)
class CryptoLine:
    """One `a=crypto` line that can be taken.

    Attributes:
        tag: names it among the lines of its stream.
        suite: one of `SUITES`.
        key: master key and master salt.
        lifetime: packets for which the key may be used; ``None`` when it is not said.
        mki: the master key identifier that packets carry; empty without one.
    """

    tag: int
    suite: str
    key: bytes = field(repr=False)
    lifetime: int | None = None
    mki: bytes = b""


def read_line(value: str) -> CryptoLine:
    """Read what stands behind ``a=crypto:``.

    Raises:
        SdpError: it is malformed, or asks for what we do not do; says what, without the key.
    """
    tag, *rest = value.split() or [""]
    if not _is_number(tag, _TAG_DIGITS_MAX):
        raise SdpError("an a=crypto line has no number as its tag")
    if len(rest) < 2:
        raise SdpError(f"a=crypto line {tag} is incomplete; expected a suite and a key")
    suite, key_parameters, *session_parameters = rest
    suite = suite.upper()
    if suite not in SUITES:
        raise SdpError(f"a=crypto line {tag} has the suite {_name(suite)!r}; expected {_either(SUITES)}")
    for parameter in session_parameters:
        name, _, number = parameter.partition("=")
        # RFC 4568 section 6.3 (Session Parameters): a window's size is a hint, a parameter with a minus may be
        # ignored. Anything else changes what the packets are, or is unknown: section 7.1.2 has us refuse the line.
        if not (parameter.startswith("-") or (name.upper() == "WSH" and _is_number(number, 9))):
            raise SdpError(f"a=crypto line {tag} has the session parameter {_name(parameter)!r}, which we do not do")
    if ";" in key_parameters:
        raise SdpError(f"a=crypto line {tag} has several keys; expected one")
    method, colon, information = key_parameters.partition(":")
    if method.lower() != "inline" or not colon:
        raise SdpError(f"a=crypto line {tag} does not carry its key inline")
    encoded, *more = information.split("|")
    key = _key(encoded)
    if key is None or len(key) != SUITES[suite]:
        raise SdpError(f"the key of a=crypto line {tag} is not {SUITES[suite]} bytes in base64, as {suite} takes")
    lifetime, mki = _lifetime_and_mki(tag, more)
    return CryptoLine(int(tag), suite, key, lifetime, mki)


def choose(values: Sequence[str]) -> CryptoLine:
    """The first line that can be taken: the offerer lists what it likes best first.

    Raises:
        SdpError: there is none; says why the first cannot.
    """
    why: SdpError | None = None
    for value in values[:CRYPTO_LINES_MAX]:
        try:
            return read_line(value)
        except SdpError as error:
            why = why or error
    raise why or SdpError("there is no a=crypto line")


def answered(values: Sequence[str], offered: Sequence[str]) -> tuple[CryptoLine, CryptoLine]:
    """Our line and the peer's, when its answer takes one of those that we offered.

    Raises:
        SdpError: its answer names none of them. RFC 4568 section 7.1.3 (Processing of the Initial Answer).
    """
    theirs = choose(values)
    for value in offered:
        ours = read_line(value)
        if (ours.tag, ours.suite) == (theirs.tag, theirs.suite):
            return ours, theirs
    raise SdpError(f"the answer's a=crypto line {theirs.tag} {theirs.suite} was not offered")


def offer_lines(new_key: Callable[[int], bytes]) -> list[str]:
    """A line for every suite of ours, each with a key of its own.

    Args:
        new_key: so many random bytes.
    """
    return [write_line(tag, suite, new_key(size)) for tag, (suite, size) in enumerate(SUITES.items(), 1)]


def write_line(tag: int, suite: str, key: bytes) -> str:
    """What stands behind ``a=crypto:``. Our keys have no lifetime but the suite's own, and no identifier."""
    return f"{tag} {suite} inline:{binascii.b2a_base64(key, newline=False).decode()}"


def without_keys(sdp: str) -> str:
    """A description that may be kept: in place of every key stands one of noughts.

    It is as long and as well or ill formed as the key was, so that what is kept is judged as the description was.
    """
    return _INLINE.sub(lambda found: found[1] + _KEY_CHARACTER.sub("A", found[2]), sdp)


_INLINE: Final = re.compile(r"(inline:)([^\s|;]*)", re.IGNORECASE)
_KEY_CHARACTER: Final = re.compile(r"[A-Za-z0-9+/]")


def _name(word: str) -> str:
    """The beginning of a word that is safe to repeat: a misplaced key stands behind a colon."""
    return word.partition(":")[0][:40]


def _key(encoded: str) -> bytes | None:
    """Decoded; with or without the padding at its end, which some peers leave out."""
    bare = encoded.rstrip("=")
    try:
        return binascii.a2b_base64((bare + "=" * (-len(bare) % 4)).encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        return None


def _lifetime_and_mki(tag: str, parts: list[str]) -> tuple[int | None, bytes]:
    """What follows the key: a lifetime, an identifier, both in this order, or nothing."""
    lifetime, mki = None, b""
    if parts and ":" not in parts[0]:
        lifetime = _lifetime(parts.pop(0))
        if lifetime is None:
            raise SdpError(f"the lifetime in a=crypto line {tag} is none; expected 1 to 2^48 packets")
    if parts:
        found = _mki(parts.pop(0))
        if found is None:
            raise SdpError(f"the MKI in a=crypto line {tag} is none; expected NUMBER:BYTES, 1 to 128 bytes")
        mki = found
    if parts:
        raise SdpError(f"a=crypto line {tag} says more of its key than lifetime and MKI")
    return lifetime, mki


def _lifetime(text: str) -> int | None:
    power = text.startswith("2^")
    digits = text[2:] if power else text
    if not _is_number(digits, 2 if power else 15):
        return None
    packets = (1 << int(digits)) if power else int(digits)
    return packets if 0 < packets <= LIFETIME_PACKETS_MAX else None


def _mki(text: str) -> bytes | None:
    value, _, length = text.partition(":")
    if not (_is_number(value, _MKI_DIGITS_MAX) and _is_number(length, 3)) or not 1 <= int(length) <= MKI_BYTES_MAX:
        return None
    try:
        return int(value).to_bytes(int(length))
    except OverflowError:
        return None


def _is_number(text: str, digits_max: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits_max


def _either(names: Sequence[str] | dict[str, int]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"
