"""How a call reaches its user, and what else is connected to it."""

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from callgate.core.audio.format import RATES_HZ
from callgate.core.sip.challenge import CREDENTIAL_CHARS_MAX
from callgate.core.sip.errors import ParseError
from callgate.core.sip.uri import parse_uri
from callgate.schema.body import Body, GuardedUrl, GuardedWebSocketUrl, bounded
from callgate.schema.errors import shown
from callgate.schema.tool import Nothing
from callgate.schema.voice import only_one

_Secret = Annotated[str, Field(min_length=1, max_length=120)]
_BUFFER_MS_MAX = 300_000  # five minutes of speech: more than anybody says in one breath
# Those that people dial have 20 to 100; with the rest of an INVITE this still fits one datagram.
_SIP_URI_CHARACTERS_MAX: Final = 255
_SIP_URI: Final = re.compile(r"[sS][iI][pP][sS]?:[\x21-\x7e]+")
_IdleTimeout = Annotated[str, bounded(0, 86_400)]

# Servers take some 8 KiB of headers in all; a token of a kilobyte is a long one.
_HEADERS_MAX: Final = 50
_HEADER_CHARACTERS_MAX: Final = 4_096
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")  # RFC 9110 section 5.6.2 (Tokens)
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")  # RFC 9110 section 5.5 (Field Values), without obs-text
# What belongs to the handshake, to the connection, or to us.
_HEADERS_TAKEN: Final = frozenset(
    (
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_HEADERS_TAKEN_FROM: Final = ("x-ultravox-", "sec-websocket-", "proxy-")


def _headers(headers: dict[str, str]) -> dict[str, str]:
    if len(headers) > _HEADERS_MAX:
        raise ValueError(f"expected at most {_HEADERS_MAX} headers: {len(headers)}")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"not the name of a header: {shown(name)}")
        if name.lower() in _HEADERS_TAKEN or name.lower().startswith(_HEADERS_TAKEN_FROM):
            raise ValueError(f"the connection sets this header itself: {shown(name)}")
        if len(value) > _HEADER_CHARACTERS_MAX:
            raise ValueError(f"expected a value of at most {_HEADER_CHARACTERS_MAX} characters: {shown(name)}")
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"expected a value of printable ASCII characters: {shown(name)}")
    return headers


def _rate(rate_hz: int) -> int:
    if rate_hz not in RATES_HZ:
        raise ValueError(f"expected one of {', '.join(map(str, RATES_HZ))}: {shown(rate_hz)}")
    return rate_hz


_Rate = Annotated[int, AfterValidator(_rate), WithJsonSchema({"type": "integer", "enum": list(RATES_HZ)})]


class DataMessages(Body):
    """Which data messages are sent."""

    pong: bool | None = None
    state: bool | None = None
    transcript: bool | None = None
    client_tool_invocation: bool | None = None
    data_connection_tool_invocation: bool | None = None
    playback_clear_buffer: bool | None = None
    call_started: bool | None = None
    debug: bool | None = None
    call_event: bool | None = None
    tool_used: bool | None = None
    user_started_speaking: bool | None = None
    user_stopped_speaking: bool | None = None
    invoking_tool: bool | None = None


class DigitsMessage(Body):
    """Digits as a message of the user."""

    text: str | None = None
    urgency: Literal["URGENCY_UNSPECIFIED", "URGENCY_IMMEDIATE", "URGENCY_SOON", "URGENCY_LATER"] | None = None


class DigitHandling(Body):
    """What becomes of digits."""

    ignore: bool | None = None
    user_text_message: DigitsMessage | None = None

    @model_validator(mode="after")
    def _one(self) -> "DigitHandling":
        only_one(self, {"ignore": "ignore", "user_text_message": "userTextMessage"})
        return self


class WebRtc(Body):
    """A browser."""

    data_messages: DataMessages | None = None


class OutgoingNumber(Body):
    """A call placed through a provider."""

    to: str | None = None
    from_: str | None = Field(default=None, alias="from")
    additional_params: dict[str, Any] | None = None


class Provider(Body):
    """A telephony provider's media stream."""

    outgoing: OutgoingNumber | None = None
    dtmf_handling: DigitHandling | None = None


class Exotel(Body):
    """Exotel's media stream."""

    dtmf_handling: DigitHandling | None = None


class ServerWebSocket(Body):
    """A server that sends and takes sound."""

    input_sample_rate: _Rate
    output_sample_rate: _Rate | None = None
    client_buffer_size_ms: Annotated[int, Field(ge=0, le=_BUFFER_MS_MAX)] | None = None
    data_messages: DataMessages | None = None
    media_idle_timeout: _IdleTimeout | None = None


def _sip_uri(text: str) -> str:
    """What may stand in a header and be dialled: a host, and nothing besides that would make other headers."""
    if len(text) > _SIP_URI_CHARACTERS_MAX:
        raise ValueError(f"longer than {_SIP_URI_CHARACTERS_MAX} characters: {len(text)}")
    if not _SIP_URI.fullmatch(text):
        raise ValueError(f"expected a SIP URI (sip:user@host), no phone number: {shown(text)}")
    try:
        uri = parse_uri(text)
    except ParseError as error:
        raise ValueError(f"expected a SIP URI (sip:user@host): {shown(str(error))}") from None
    if uri.password is not None:
        raise ValueError("a password has no place in the URI; `username` and `password` are for credentials")
    if uri.headers:
        raise ValueError(f"expected a SIP URI without headers: {shown(text)}")
    return text


_SipUri = Annotated[str, AfterValidator(_sip_uri)]


def _no_controls(text: str) -> str:
    if not text.isprintable():
        raise ValueError("holds a control character")
    return text


_Credential = Annotated[str, Field(min_length=1, max_length=CREDENTIAL_CHARS_MAX), AfterValidator(_no_controls)]


class SipOutgoing(Body):
    """A call placed over SIP."""

    to: _SipUri | None = None
    from_: _SipUri | None = Field(default=None, alias="from")
    username: _Credential | None = None
    password: _Credential | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "SipOutgoing":
        if self.to is None:
            raise ValueError("`to`: required, but absent")
        if self.password is not None and self.username is None:
            raise ValueError("`password` may be given only together with `username`")
        return self


class Sip(Body):
    """SIP."""

    incoming: Nothing | None = None
    outgoing: SipOutgoing | None = None

    @model_validator(mode="after")
    def _one(self) -> "Sip":
        only_one(self, {"incoming": "incoming", "outgoing": "outgoing"})
        return self


class Medium(Body):
    """How the user is reached: at most one; none is WebRTC."""

    web_rtc: WebRtc | None = None
    twilio: Provider | None = None
    server_web_socket: ServerWebSocket | None = None
    telnyx: Provider | None = None
    plivo: Provider | None = None
    exotel: Exotel | None = None
    sip: Sip | None = None

    @model_validator(mode="after")
    def _one(self) -> "Medium":
        only_one(self, {name: field.alias or name for name, field in type(self).model_fields.items()})
        return self


class AudioConfig(Body):
    """Sound on a data connection."""

    sample_rate: _Rate | None = None
    channel_mode: Literal["CHANNEL_MODE_UNSPECIFIED", "CHANNEL_MODE_MIXED", "CHANNEL_MODE_SEPARATED"] | None = None


class DataConnection(Body):
    """A WebSocket to the owner's server."""

    websocket_url: GuardedWebSocketUrl | None = None
    audio_config: AudioConfig | None = None
    data_messages: DataMessages | None = None
    headers: Annotated[dict[str, str], AfterValidator(_headers)] | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "DataConnection":
        if self.model_fields_set and self.websocket_url is None:
            raise ValueError("`websocketUrl`: required, but absent")
        return self


class Callback(Body):
    """Whom to tell."""

    url: GuardedUrl | None = None
    secrets: Annotated[list[_Secret], Field(max_length=10)] | None = None


class Callbacks(Body):
    """Whom to tell of what becomes of one call."""

    joined: Callback | None = None
    ended: Callback | None = None
    billed: Callback | None = None
