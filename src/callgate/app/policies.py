"""The rules of every account, compiled, and swapped at the moment a change is committed: before its 200 is sent."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import replace

from callgate.app.first_start import CannotStart
from callgate.config.settings import Settings
from callgate.core.admission.policy import AccountPolicy, AdmissionOptions, PolicySet, compile_policy
from callgate.core.admission.shadow import ShadowPolicy
from callgate.core.audio.codecs import available
from callgate.core.sdp.reachable import nothing_known
from callgate.core.sdp.terms import SoundPolicy, sound_policy
from callgate.entities.account import Account, AccountLimits
from callgate.entities.sip_config import SipConfig
from callgate.schema.shadow import shadowed
from callgate.store.snapshot import ConfigurationSnapshot


def sip_domain(slug: str, wanted: str, *, accounts: int) -> str:
    """The SIP domain of an account: ``<slug>.<sip.domain>``.

    Args:
        slug: the account's.
        wanted: the setting; empty: the machine's name while there is one account, and below it where there are several.
        accounts: how many there are.
    """
    domain = wanted or socket.gethostname().lower()
    return f"{slug}.{domain}" if wanted or accounts > 1 else domain


class Policies:
    """`PolicySet`s made from the store's snapshot; immutable values behind references.

    Attributes:
        current: the rules in force.
        shadows: the drafts beside them, by account.
    """

    def __init__(
        self, snapshot: ConfigurationSnapshot, settings: Settings, nature: Callable[[str], str] = nothing_known
    ) -> None:
        """Compile the rules of all accounts.

        Args:
            snapshot: of what is configured.
            settings: as loaded.
            nature: what an address is to this machine: see `core.sdp.reachable`.

        Raises:
            CannotStart: a codec is wanted that is not installed.
        """
        self._snapshot = snapshot
        self._domain = settings.sip_domain
        self._limits = AccountLimits(
            calls_max=settings.account_calls_max,
            agent_calls_max=settings.agent_calls_max,
            requests_per_s=settings.http_account_requests_per_s,
            key_requests_per_s=settings.http_key_requests_per_s,
            calls_per_s=settings.http_calls_per_s,
            calls_per_minute=settings.http_calls_per_minute,
        )
        self._options = AdmissionOptions(
            to_user_from=settings.to_user_from,
            no_rule_status=settings.no_rule_status,
            account_limit_status=settings.account_limit_status,
            retry_after_s=settings.retry_after_s,
            caller_auth=settings.caller_auth_mode,
            replaces=settings.sip_replaces,
            trusted_proxies=settings.sip_trusted_proxies,
            sound=_sound(settings, nature),
        )
        self._changed: list[Callable[[], None]] = []
        self.current = PolicySet(options=self._options)
        self.shadows: Mapping[str, ShadowPolicy] = {}
        self._compile_all()
        snapshot.on_change(self._recompile)

    def on_change(self, changed: Callable[[], None]) -> None:
        """Have `changed` called after every swap."""
        self._changed.append(changed)

    def domain_of(self, account: Account) -> str:
        """The account's SIP domain."""
        return sip_domain(account.slug, self._domain, accounts=len(self._snapshot.accounts))

    def limits_of(self, account: Account) -> AccountLimits:
        """The limits in force of an account."""
        return account.limits.over(self._limits)

    def limits_of_id(self, account_id: str) -> AccountLimits:
        """Likewise; those of the settings when there is no such account."""
        account = self._snapshot.account(account_id)
        return self._limits if account is None else self.limits_of(account)

    def drafted(self, account: Account, config: SipConfig) -> PolicySet:
        """The rules in force with one account's replaced by a draft; its version is that of the rules in force."""
        return self.current.with_account(self._compile(account, config))

    def _recompile(self, account_id: str) -> None:
        account = self._snapshot.account(account_id)
        if not self._domain and (account is None or self.current.account(account_id) is None):
            self._compile_all()  # an account came or went, and with it the domains of others are others
        elif account is None:
            self._forget(account_id)
        else:
            self.current = self.current.with_account(self._compile(account))
            self._follow_shadow(account)
        for changed in self._changed:
            changed()

    def _compile_all(self) -> None:
        accounts = self._snapshot.accounts
        self.current = PolicySet(tuple(self._compile(account) for account in accounts), self._options)
        self.shadows = {}
        for account in accounts:
            self._follow_shadow(account)

    def _forget(self, account_id: str) -> None:
        self.current = self.current.without_account(account_id)
        self.shadows = {
            owner: replace(shadow, policies=shadow.policies.without_account(account_id))
            for owner, shadow in self.shadows.items()
            if owner != account_id
        }

    def _follow_shadow(self, account: Account) -> None:
        """Compile the draft beside an account's rules anew; those of others stand over its new rules too."""
        live = self.current.account(account.account_id)
        assert live is not None, "compiled just before"
        shadows = {
            account_id: replace(other, policies=other.policies.with_account(live))
            for account_id, other in self.shadows.items()
            if account_id != account.account_id
        }
        shadow = self._snapshot.shadow(account.account_id)
        if shadow is not None:
            policies = self.drafted(account, shadowed(live.config, shadow))
            shadows[account.account_id] = ShadowPolicy(shadow.shadow_id, shadow.until, policies)
        self.shadows = shadows

    def _compile(self, account: Account, draft: SipConfig | None = None) -> AccountPolicy:
        version = self._snapshot.sip_config(account.account_id)
        limits = self.limits_of(account)
        return compile_policy(
            account_id=account.account_id,
            domain=self.domain_of(account),
            config=draft or version.config,
            version=version.number,
            agents=self._snapshot.agents_of(account.account_id),
            calls_max=limits.calls_max or 0,
            agent_calls_max=limits.agent_calls_max or 0,
        )


def _sound(settings: Settings, nature: Callable[[str], str]) -> SoundPolicy:
    installed = {codec.name for codec in available()}
    missing = [codec for codec in settings.sound_codecs if codec not in installed]
    if missing:
        raise CannotStart(
            f"sound.codecs has {' and '.join(missing)}, which is not installed; Opus comes with callgate[opus]"
        )
    return sound_policy(
        codecs=settings.sound_codecs,
        own_order=settings.sound_codec_order == "own",
        srtp_udp=settings.srtp_udp,
        srtp_tcp=settings.srtp_tcp,
        srtp_tls=settings.srtp_tls,
        srtp_without_tls=settings.srtp_without_tls,
        nature=nature,
    )
