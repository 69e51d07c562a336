"""Accounts and their API keys; of a key only the digest is kept."""

import hashlib
import string

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.entities.account import Account, ApiKey
from callgate.entities.sip_config import SipConfig, SipConfigVersion
from callgate.store.base import StorePart
from callgate.store.rows import version_row
from callgate.store.tables import accounts, api_keys, sip_config_versions

_PREFIX_LENGTH = 8
_SECRET_LENGTH = 32


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
    """The verbs on accounts."""

    def account_of_key(self, key: str) -> tuple[Account, ApiKey] | None:
        """Whose key it is; from memory. Looked up by digest, so timing says nothing of keys."""
        configuration = self.snapshot.now
        found = configuration.keys.get(digest_of(key))
        if found is None:
            return None
        account = next(account for account in configuration.accounts if account.account_id == found.account_id)
        return account, found

    async def create_account(self, slug: str, name: str, key: str | None = None) -> tuple[Account, str]:
        """Make an account that admits nobody, with one key.

        Args:
            slug: first label of its SIP domain.
            name: for people.
            key: fixes its key; ``None``: one is made.

        Returns:
            The account, and the key: this once.
        """
        key = key or self._new_key()
        now = self._clock.now()
        account = Account(self._ids.uuid(), slug, name, now)
        kept = ApiKey(key[:_PREFIX_LENGTH], account.account_id, digest_of(key), "first", now)
        version = SipConfigVersion(account.account_id, 1, now, "setup", SipConfig(), {})

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                insert(accounts),
                [{"account_id": account.account_id, "slug": slug, "name": name, "created": now}],
            )
            await connection.execute(insert(api_keys), [_key_row(kept)])
            await connection.execute(insert(sip_config_versions), [version_row(version)])

        def committed(nothing: None) -> None:
            self.snapshot.swap(self.snapshot.now.with_account(account, kept, version), account.account_id)

        await self._writer.run(work, committed)
        return account, key

    async def add_key(self, account_id: str, key: str, name: str) -> None:
        """Let one more key speak for an account."""
        kept = ApiKey(key[:_PREFIX_LENGTH], account_id, digest_of(key), name, self._clock.now())

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(api_keys), [_key_row(kept)])

        await self._writer.run(work, lambda nothing: self.snapshot.swap(self.snapshot.now.with_key(kept), account_id))

    def _new_key(self) -> str:
        letters = string.ascii_letters + string.digits
        text = ""
        while len(text) < _PREFIX_LENGTH + _SECRET_LENGTH:
            text += "".join(letter for letter in self._ids.token(48) if letter in letters)
        return f"{text[:_PREFIX_LENGTH]}.{text[_PREFIX_LENGTH : _PREFIX_LENGTH + _SECRET_LENGTH]}"


def _key_row(key: ApiKey) -> dict[str, object]:
    return {
        "digest": key.digest,
        "prefix": key.prefix,
        "account_id": key.account_id,
        "name": key.name,
        "created": key.created,
    }
