"""The SIP of calls: a link that expires, and what it leads to.

The link is signed with the digest of the key that asked for it, which every node has: it ends with its key, and no
secret has to be made for it.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import timedelta
from typing import Final

import msgspec

from callgate.entities.account import ApiKey
from callgate.operations.caller import Caller
from callgate.operations.errors import Forbidden, NotFound, TooEarly
from callgate.ports import Clock, LiveCalls
from callgate.store.open import Store

LINK_S: Final = 300
"""How long a link leads somewhere: it is followed at once, or by the person it is shown to."""

# After its end a call's last request may go unanswered for 64·T1, 32 s; only then its log is written.
_LATE_S: Final = 40.0
_TOKEN_CHARACTERS_MAX: Final = 400
_CALL: Final = "callId"


class _Link(msgspec.Struct, array_like=True):
    """What a link says.

    Attributes:
        call: whose SIP.
        account: whose call.
        key: prefix of the key that it is signed for.
        expires_s: seconds since 1970.
    """

    call: str
    account: str
    key: str
    expires_s: int


class SipLogOperations:
    """What an owner may ask about the SIP of calls.

    Args:
        store: keeps it.
        clock: time.
        live: the calls in progress.
        kept: whether calls leave any.
    """

    def __init__(self, store: Store, clock: Clock, live: LiveCalls, *, kept: bool) -> None:
        self._store = store
        self._clock = clock
        self._live = live
        self._kept = kept

    async def link(self, caller: Caller, call_id: str) -> str:
        """What leads to the log of a call, to whoever has it, for `LINK_S`.

        Raises:
            NotFound: none of this account, or it has no log.
            TooEarly: it goes on, or the last word has not been said.
        """
        account_id = caller.account.account_id
        call = await self._store.get_call(account_id, call_id.lower())
        if call is None:
            raise NotFound(f"no such call: {call_id[:60]}")
        if _CALL not in call.sip:
            raise NotFound("the call came without SIP")
        if call.ended is None or self._live.is_live(call.call_id):
            raise TooEarly("the call goes on; its log is there when it is over")
        if not await self._store.sip_logs(call.call_id):
            if self._kept and self._clock.now() < call.ended + timedelta(seconds=_LATE_S):
                raise TooEarly("the last word of the call has not been said; ask again in a moment")
            raise NotFound("nothing was kept of the call's SIP")
        key = self._key(account_id, caller.key_prefix)
        assert key is not None, "it was good a moment ago"
        expires = self._clock.now() + timedelta(seconds=LINK_S)
        told = msgspec.json.encode(_Link(call.call_id, account_id, key.prefix, int(expires.timestamp())))
        return f"{_text(told)}.{_text(_signature(key, told))}"

    async def follow(self, call_id: str, token: str) -> bytes:
        """The log that a link leads to: the ladder of each dialog, one after the other.

        Raises:
            Forbidden: nobody made such a link, or it has expired.
            NotFound: the call has been deleted.
        """
        told, link = _read(token)
        key = None if link is None else self._key(link.account, link.key)
        given = _bytes(token.partition(".")[2])
        if link is None or key is None or not hmac.compare_digest(_signature(key, told), given):
            raise Forbidden("not a link of this server; ask for one")
        if link.call != call_id.lower():
            raise Forbidden("a link to another call; ask for one")
        now = self._clock.now()
        if now.timestamp() >= link.expires_s or key.spent(now) is not None:
            raise Forbidden("the link has expired; ask for another one")
        logs = await self._store.sip_logs(link.call)
        if not logs or await self._store.get_call(link.account, link.call) is None:
            raise NotFound(f"no such call: {link.call}")
        return b"".join(log.text for log in logs)

    def _key(self, account_id: str, prefix: str) -> ApiKey | None:
        return next((key for key in self._store.keys_of(account_id) if key.prefix == prefix), None)


def _signature(key: ApiKey, told: bytes) -> bytes:
    return hmac.digest(key.digest.encode(), b"sip log\n" + told, hashlib.sha256)


def _read(token: str) -> tuple[bytes, _Link | None]:
    if len(token) > _TOKEN_CHARACTERS_MAX:
        return b"", None
    told = _bytes(token.partition(".")[0])
    try:
        return told, msgspec.json.decode(told, type=_Link)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return told, None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    """What a part of a token says; of what is none, nothing."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b""
