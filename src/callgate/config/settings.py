"""Every setting, declared once: name, default, unit, limits, reason and help. Loading, `--help` and docs read this.

A setting ``sip.bind`` is ``sip_bind`` in the code, ``--sip-bind`` as a flag, ``CALLGATE_SIP_BIND`` in the environment
and ``bind`` under ``[sip]`` in the TOML file. Each topic has a file in `config.sections`.
"""

from dataclasses import dataclass, fields
from typing import Final

from callgate.config.declaration import Declaration
from callgate.config.sections.admission import AdmissionSettings
from callgate.config.sections.calls import CallSettings
from callgate.config.sections.clients import ClientSettings
from callgate.config.sections.http import HttpSettings
from callgate.config.sections.http_requests import RequestSettings
from callgate.config.sections.node import NodeSettings
from callgate.config.sections.recordings import RecordingSettings
from callgate.config.sections.sip import SipSettings
from callgate.config.sections.sip_logs import SipLogSettings
from callgate.config.sections.sound import SoundSettings
from callgate.config.sections.store import StoreSettings
from callgate.config.sections.tls import TlsSettings


@dataclass(frozen=True, kw_only=True)
class Settings(
    NodeSettings,
    HttpSettings,
    ClientSettings,
    SipSettings,
    SipLogSettings,
    TlsSettings,
    AdmissionSettings,
    RequestSettings,
    CallSettings,
    SoundSettings,
    RecordingSettings,
    StoreSettings,
):
    """All settings of a node."""


def declarations() -> tuple[Declaration, ...]:
    """All settings, topic by topic, in the order they are declared."""
    return tuple(
        entry.metadata["declaration"]
        for section in Settings.__bases__
        for entry in fields(section)
        if "declaration" in entry.metadata
    )


DECLARED: Final = {declaration.attribute: declaration for declaration in declarations()}
DEFAULTS: Final = Settings()
