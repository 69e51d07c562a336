from collections.abc import Callable

import pytest

from callgate.core.sdp.crypto import choose, read_line
from callgate.core.sdp.description import SdpError, parse
from callgate.core.sdp.limits import LIMITS
from callgate.entities.limit import Limit

HEAD = b"v=0\r\nc=IN IP4 192.0.2.1\r\n"
CRYPTO = "1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"


def filled(size: int) -> object:
    return parse(HEAD + b"s=" + b"x" * (size - len(HEAD) - 2))


def lines(count: int) -> object:
    return parse(HEAD + b"a=x\r\n" * (count - 2))


def streams(count: int) -> object:
    return parse(HEAD + b"m=audio 1 RTP/AVP 0\r\n" * count)


def crypto_lines(count: int) -> object:
    return choose(["nonsense"] * (count - 1) + [CRYPTO])


def mki(size: int) -> object:
    return read_line(f"{CRYPTO}|1:{size}")


def lifetime(packets: int) -> object:
    return read_line(f"{CRYPTO}|{packets}")


SIZED: dict[str, Callable[[int], object]] = {
    "session description": filled,
    "lines of a session description": lines,
    "streams": streams,
    "a=crypto lines of a stream": crypto_lines,
    "MKI of a key": mki,
    "lifetime of a key": lifetime,
}


def test_every_limit_is_tried() -> None:
    assert [limit.what for limit in LIMITS] == list(SIZED)
    assert all(limit.why and limit.beyond for limit in LIMITS)


@pytest.mark.parametrize("limit", [pytest.param(limit, id=limit.what) for limit in LIMITS])
def test_as_much_is_taken_and_one_more_is_not(limit: Limit) -> None:
    SIZED[limit.what](limit.most)
    with pytest.raises(SdpError):
        SIZED[limit.what](limit.most + 1)
