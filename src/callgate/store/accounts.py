"""Accounts and their API keys; of a key only the digest is kept."""

import hashlib
import string
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.entities.account import NO_LIMITS, Account, AccountLimits, ApiKey
from callgate.entities.sip_config import SipConfig, SipConfigVersion
from callgate.store.base import StorePart
from callgate.store.errors import LastKey, NameTaken, TooMany
from callgate.store.revision import count_change
from callgate.store.rows import account_row, api_key_row, version_row
from callgate.store.snapshot import Configuration
from callgate.store.tables import accounts, api_keys, sip_config_versions

_PREFIX_LENGTH = 8
_SECRET_LENGTH = 32
KEYS_MAX: Final = 100  # of an account; all are in memory
# The last use of a key is worth a write a minute, not one a request.
_USED_APART: Final = timedelta(minutes=1)


def digest_of(key: str) -> str:
    """SHA-256 of a key, lower-case hex: keys are 190 bits of chance, so no slow hash is needed."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def is_key(text: str) -> bool:
    """Whether a text has the shape of a key: 8 letters or digits, a dot, 32 letters or digits."""
    prefix, dot, secret = text.partition(".")
    return bool(
        dot
        and len(prefix) == _PREFIX_LENGTH
        and len(secret) == _SECRET_LENGTH
        and prefix.isascii()
        and secret.isascii()
        and prefix.isalnum()
        and secret.isalnum()
    )


class AccountStore(StorePart):
    """The verbs on accounts and keys."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._used: dict[str, datetime] = {}

    def account_of_key(self, key: str) -> tuple[Account, ApiKey] | None:
        """Whose key it is, also when it is spent; from memory. Looked up by digest, so timing says nothing of keys."""
        found = self.snapshot.now.keys.get(digest_of(key))
        if found is None:
            return None
        account = self.snapshot.account(found.account_id)
        return None if account is None else (account, found)

    async def create_account(
        self, slug: str, name: str, key: str | None = None, limits: AccountLimits = NO_LIMITS
    ) -> tuple[Account, str]:
        """Make an account that admits nobody, with one key.

        Args:
            slug: first label of its SIP domain.
            name: for people.
            key: fixes its key; ``None``: one is made.

            limits: its own.

        Returns:
            The account, and the key: this once.

        Raises:
            NameTaken: another account has the slug.
        """
        key = key or self._new_key()
        now = self._clock.now()
        account = Account(self._ids.uuid(), slug, name, now, limits)
        kept = ApiKey(key[:_PREFIX_LENGTH], account.account_id, digest_of(key), "first", now)
        version = SipConfigVersion(account.account_id, 1, now, "setup", SipConfig(), {})

        async def work(connection: AsyncConnection) -> None:
            if (await connection.execute(select(accounts.c.slug).where(accounts.c.slug == slug))).first() is not None:
                raise NameTaken(slug)
            await connection.execute(insert(accounts), [account_row(account)])
            await connection.execute(insert(api_keys), [api_key_row(kept)])
            await connection.execute(insert(sip_config_versions), [version_row(version)])
            await count_change(connection)

        def committed(nothing: None) -> None:
            self.snapshot.swap(self.snapshot.now.with_account(account, kept, version), account.account_id)

        await self._change(account.account_id, work, committed)
        return account, key

    async def add_key(self, account_id: str, key: str, name: str) -> None:
        """Let one more key speak for an account."""
        await self._keep(ApiKey(key[:_PREFIX_LENGTH], account_id, digest_of(key), name, self._clock.now()))

    async def create_key(
        self, account_id: str, name: str, *, creator: str, expires: datetime | None, read_only: bool
    ) -> tuple[ApiKey, str]:
        """Make a key.

        Args:
            account_id: for which it speaks.
            name: for people.
            creator: prefix of the key that makes it.
            expires: until when it is good; ``None``: for ever.
            read_only: whether it may only look.

        Returns:
            What is kept of it, and the key: this once.

        Raises:
            TooMany: the account has `KEYS_MAX`.
        """
        taken = {known.prefix for known in self.keys_of(account_id)}
        key = self._new_key()
        while key[:_PREFIX_LENGTH] in taken:
            key = self._new_key()
        kept = ApiKey(
            key[:_PREFIX_LENGTH],
            account_id,
            digest_of(key),
            name,
            self._clock.now(),
            creator,
            expires,
            False,
            read_only,
        )
        await self._keep(kept, KEYS_MAX)
        return kept, key

    def keys_of(self, account_id: str) -> list[ApiKey]:
        """The keys of an account, newest first, the spent ones too; from memory."""
        keys = [key for key in self.snapshot.now.keys.values() if key.account_id == account_id]
        keys.sort(key=lambda key: key.created)
        return [self._with_use(key) for key in keys[::-1]]

    def key_used(self, key: ApiKey) -> None:
        """Remember that a request came with a key."""
        now = self._clock.now()
        last = self._used.get(key.digest, key.last_used)
        if last is None or now - last >= _USED_APART:
            self._used[key.digest] = now
            self._writer.queue("used", {"b_digest": key.digest, "b_last_used": now})

    async def revoke_key(self, account_id: str, prefix: str) -> ApiKey | None:
        """Make a key good for nothing, for ever; ``None`` when there is none.

        Raises:
            LastKey: no other key of the account may change anything.
        """

        async def work(connection: AsyncConnection) -> ApiKey | None:
            key = self._dispensable(account_id, prefix)
            if key is not None:
                await connection.execute(update(api_keys).where(api_keys.c.digest == key.digest).values(revoked=True))
            return None if key is None else replace(key, revoked=True)

        return await self._changed(account_id, work, lambda now, key: now.with_key(key))

    async def delete_key(self, account_id: str, prefix: str) -> bool:
        """Delete a key; ``False`` when there is none.

        Raises:
            LastKey: no other key of the account may change anything.
        """

        async def work(connection: AsyncConnection) -> ApiKey | None:
            key = self._dispensable(account_id, prefix)
            if key is not None:
                await connection.execute(delete(api_keys).where(api_keys.c.digest == key.digest))
            return key

        changed = await self._changed(account_id, work, lambda now, key: now.without_key(key.digest))
        return changed is not None

    def _dispensable(self, account_id: str, prefix: str) -> ApiKey | None:
        """The key of a prefix, unless it is the only one that may change things and will not expire."""
        keys = self.keys_of(account_id)
        lasting = [key for key in keys if not (key.revoked or key.read_only or key.expires is not None)]
        if [key.prefix for key in lasting] == [prefix]:
            raise LastKey
        return next((key for key in keys if key.prefix == prefix), None)

    def _with_use(self, key: ApiKey) -> ApiKey:
        used = self._used.get(key.digest)
        return key if used is None else replace(key, last_used=used)

    async def _keep(self, kept: ApiKey, keys_max: int | None = None) -> None:
        async def work(connection: AsyncConnection) -> ApiKey:
            known = self.snapshot.now.keys.get(kept.digest)
            if known is not None:
                return known  # another node that starts with it was quicker
            if keys_max is not None and len(self.keys_of(kept.account_id)) >= keys_max:
                raise TooMany(str(keys_max))
            await connection.execute(insert(api_keys), [api_key_row(kept)])
            return kept

        await self._changed(kept.account_id, work, lambda now, key: now.with_key(key))

    async def _changed(
        self,
        account_id: str,
        work: Callable[[AsyncConnection], Awaitable[ApiKey | None]],
        changed: Callable[[Configuration, ApiKey], Configuration],
    ) -> ApiKey | None:
        def committed(key: ApiKey | None) -> None:
            if key is not None:
                self.snapshot.swap(changed(self.snapshot.now, key), key.account_id)

        return await self._change(account_id, work, committed)

    def _new_key(self) -> str:
        letters = string.ascii_letters + string.digits
        text = ""
        while len(text) < _PREFIX_LENGTH + _SECRET_LENGTH:
            text += "".join(letter for letter in self._ids.token(48) if letter in letters)
        return f"{text[:_PREFIX_LENGTH]}.{text[_PREFIX_LENGTH : _PREFIX_LENGTH + _SECRET_LENGTH]}"
