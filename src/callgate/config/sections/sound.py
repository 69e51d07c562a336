"""RTP, codecs, workers and models."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from callgate.config.declaration import setting
from callgate.config.models import Model


@dataclass(frozen=True, kw_only=True)
class SoundSettings:
    """RTP, codecs, workers and models."""

    rtp_bind: str = setting(
        "rtp.bind",
        "",
        "IP address of the RTP sockets. Empty: that of `sip.bind`.",
    )
    rtp_port_first: int = setting(
        "rtp.port_first",
        20_000,
        "First port of the range for RTP and RTCP; two ports a call.",
        lowest=1_024,
        highest=65_534,
        flag=True,
    )
    rtp_port_last: int = setting(
        "rtp.port_last",
        29_999,
        "Last port of that range; 10,000 ports let 1,000 calls a minute rest before reuse.",
        lowest=1_025,
        highest=65_535,
        flag=True,
    )
    rtp_port_rest_s: float = setting(
        "rtp.port_rest_s",
        5.0,
        "How long a port rests after a call, so that late packets of the old call never reach the next.",
        unit="s",
        lowest=0,
        highest=600,
    )

    media_timeout_s: float = setting(
        "media.timeout_s",
        60.0,
        "A call of which neither sound nor RTCP has come for this long, and that is not on hold, is hung up; 0: never. "
        "RTCP comes every 5 s, so a muted phone stays.",
        unit="s",
        lowest=0,
        highest=86_400,
    )
    media_workers: int = setting(
        "media.workers",
        0,
        "Processes that carry sound; 0: one for each core. A call stays in the one it began in.",
        lowest=0,
        highest=256,
    )
    model_default: str = setting(
        "model.default",
        "demo",
        "Model that serves calls and agents whose own `model` is not configured: a name of `[models.NAME]`, or demo.",
    )
    model_last_words: str = setting(
        "model.last_words",
        "I am sorry, there is a technical problem. Please call again later. Goodbye.",
        "Said before a call is hung up whose model has failed, with nothing left to take over (`then` of a model); "
        "empty: it is hung up at once.",
    )
    models: Mapping[str, Model] = field(default_factory=dict)  # tables of the file: see `models`
    sound_codecs: tuple[str, ...] = setting(
        "sound.codecs",
        ("PCMU", "PCMA", "G722"),
        "Codecs that are taken and offered, best first. OPUS costs ten times a G.711 call and needs the extra "
        "`callgate[opus]`; L16, uncompressed, is for benches.",
        choices=("PCMU", "PCMA", "G722", "OPUS", "L16"),
    )
    sound_codec_order: str = setting(
        "sound.codec_order",
        "peer",
        "Whose order chooses among the codecs that both sides have: the peer's, which spares it from transcoding, or "
        "our own.",
        choices=("peer", "own"),
    )
    srtp_udp: str = setting(
        "srtp.udp",
        "preferred",
        "Encrypted sound for calls whose SIP comes over UDP: never, when the peer offers it, or else 488. Takes effect "
        "with `srtp.without_tls`.",
        choices=("off", "preferred", "required"),
    )
    srtp_tcp: str = setting(
        "srtp.tcp",
        "preferred",
        "The same for SIP over TCP.",
        choices=("off", "preferred", "required"),
    )
    srtp_tls: str = setting(
        "srtp.tls",
        "preferred",
        "The same for SIP over TLS, which needs no `srtp.without_tls`: nobody on the way can read the keys.",
        choices=("off", "preferred", "required"),
    )
    srtp_without_tls: bool = setting(
        "srtp.without_tls",
        False,
        "Take and give keys of SRTP in SIP over UDP and TCP, where anybody on the way can read them: only where the "
        "network is trusted.",
    )
