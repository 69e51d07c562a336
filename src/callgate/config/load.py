"""Settings from flags, environment and a TOML file, in this order of precedence, over the declared defaults."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, get_args, get_type_hints

from callgate.config.callers import CallerError, read_callers
from callgate.config.declaration import Declaration
from callgate.config.models import ModelError, read_models
from callgate.config.settings import DECLARED, Settings

_TRANSPORTS = ("udp", "tcp", "tls")
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


class SettingError(ValueError):
    """A setting that cannot be used; says which, where it stands, what it was and what was expected."""


def load(
    flags: Mapping[str, str | None] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Put the settings together.

    Args:
        flags: by attribute (``sip_bind``); ``None`` values were not given.
        environment: e.g. ``os.environ``; only ``CALLGATE_…`` is read.
        file: a TOML file.

    Raises:
        SettingError: the file cannot be read, or a name or value is wrong.
    """
    given: dict[str, Any] = {}
    document = _document(file)
    try:
        given["models"] = read_models(document.pop("models", {}), environment or {}, str(file))
        given["callers"] = read_callers(document.pop("callers", {}), environment or {}, str(file))
    except (ModelError, CallerError) as error:
        raise SettingError(str(error)) from None
    for name, value in _named(document, file).items():
        given[name] = _typed(DECLARED[name], value, f"in {file}")
    for name, text in _from_environment(environment or {}).items():
        given[name] = _typed(DECLARED[name], text, f"in the environment ({DECLARED[name].environment})")
    for name, flag in (flags or {}).items():
        if flag is not None:
            given[name] = _typed(DECLARED[name], flag, f"({DECLARED[name].option})")
    settings = Settings(**given)
    known = ("demo", *settings.models)
    if settings.model_default not in known:
        raise SettingError(f"model.default is {settings.model_default!r}; expected one of {', '.join(known)}")
    if settings.caller_auth_mode != "off" and not settings.callers:
        raise SettingError(
            f"caller_auth.mode is {settings.caller_auth_mode}, and nobody could prove itself; expected tables "
            "[callers.NAME] in the file, or off"
        )
    if settings.sip_refer and not settings.sip_refer_destinations:
        raise SettingError(
            "sip.refer is on, and nobody could be called; expected entries in sip.refer_destinations, or off"
        )
    if settings.rtp_port_last - settings.rtp_port_first < 1:
        raise SettingError(
            f"rtp.port_last is {settings.rtp_port_last}; expected more than rtp.port_first, {settings.rtp_port_first}"
        )
    for transport, mode in (("udp", settings.srtp_udp), ("tcp", settings.srtp_tcp)):
        if mode == "required" and not settings.srtp_without_tls:
            raise SettingError(
                f"srtp.{transport} is required, and srtp.without_tls is off, so that no call could be taken; "
                f"expected srtp.without_tls on, or srtp.{transport} preferred"
            )
    _check_addresses(settings)
    _check_tls(settings)
    return settings


def _check_addresses(settings: Settings) -> None:
    """Addresses and listeners that are none; found at the start and not by the first call."""
    versions = []
    for text in settings.advertise:
        try:
            versions.append(ip_address(text).version)
        except ValueError:
            raise SettingError(f"advertise is {text!r}; expected an IP address") from None
    if len(versions) != len(set(versions)):
        raise SettingError(
            f"advertise is {', '.join(settings.advertise)}; expected one address of IPv4 and one of IPv6 at most"
        )
    for text in settings.local_networks:
        try:
            ip_network(text, strict=False)
        except ValueError:
            raise SettingError(f"local_networks has {text!r}; expected networks such as 10.0.0.0/8") from None
    for text in settings.sip_listen:
        parse_listen(text)
    if settings.stun_server:
        parse_bind("stun.server", settings.stun_server)


def _check_tls(settings: Settings) -> None:
    listens = any(parse_listen(text)[0] == "tls" for text in settings.sip_listen)
    for name, value in (("tls.certificate", settings.tls_certificate), ("tls.key", settings.tls_key)):
        if listens and not value:
            raise SettingError(f"sip.listen has tls, and {name} is empty; expected a file in PEM")
        if value and not listens:
            raise SettingError(f"{name} is {value!r}, and sip.listen has no tls; expected e.g. tls:0.0.0.0:5061 in it")


def _document(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingError(f"cannot read {path}: {(error.strerror or 'unreadable').lower()}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is not TOML: {error}") from error


def _named(document: dict[str, Any], path: Path | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    names = {declaration.name: attribute for attribute, declaration in DECLARED.items()}
    for key, value in document.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        for part, content in inner:
            name = f"{key}.{part}" if part else key
            if name not in names:
                raise SettingError(f"{path}: no setting is called {name}{_meant(name, list(names))}")
            found[names[name]] = content
    return found


# What the command line reads where a node is asked (`cli/node.py`); no setting of one.
_NOT_SETTINGS = ("CALLGATE_URL",)


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    variables = {declaration.environment: attribute for attribute, declaration in DECLARED.items()}
    found = {}
    for variable, text in environment.items():
        if not variable.startswith("CALLGATE_") or variable in _NOT_SETTINGS:
            continue
        if variable not in variables:
            raise SettingError(f"environment: no setting is called {variable}{_meant(variable, list(variables))}")
        found[variables[variable]] = text
    return found


def _meant(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else ""


_HINTS = get_type_hints(Settings)
_TYPES: dict[str, Any] = {entry.name: _HINTS[entry.name] for entry in fields(Settings)}


def _typed(declaration: Declaration, value: Any, where: str) -> Any:
    """`value` as the setting's type, within its limits."""
    wanted = _TYPES[declaration.attribute]
    shown = "(hidden)" if declaration.secret else repr(value)

    def wrong(expected: str) -> SettingError:
        return SettingError(f"{declaration.name} {where} is {shown}; expected {expected}")

    if get_args(wanted):  # a tuple of texts
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise wrong("a list of texts")
        if declaration.choices and not (value and set(value) <= set(declaration.choices)):
            raise wrong("a list of " + ", ".join(declaration.choices))
        return tuple(dict.fromkeys(value))
    if wanted is bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in _TRUE + _FALSE:
            return value.lower() in _TRUE
        raise wrong("true or false")
    if wanted is str:
        if not isinstance(value, str):
            raise wrong("a text")
        result: Any = value
    else:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise wrong("a number")
        try:
            result = wanted(value)
        except (ValueError, OverflowError):  # infinity is no whole number
            raise wrong("a whole number" if wanted is int else "a number") from None
        if result != result or (wanted is int and isinstance(value, float) and value != result):
            raise wrong("a whole number" if wanted is int else "a number")
        low, high = declaration.lowest, declaration.highest
        if (low is not None and result < low) or (high is not None and result > high):
            bounds = f"at least {low:.9g}" if high is None else f"{0 if low is None else low:.9g} to {high:.9g}"
            raise wrong(f"{bounds} {declaration.unit}".rstrip())
    if declaration.choices and str(result) not in declaration.choices:
        raise wrong("one of " + ", ".join(declaration.choices))
    return result


def parse_listen(text: str) -> tuple[str, str, int]:
    """``TRANSPORT:ADDRESS:PORT`` of `sip.listen` taken apart.

    Raises:
        SettingError: it is not that.
    """
    transport, _, rest = text.partition(":")
    try:
        if transport not in _TRANSPORTS:
            raise SettingError("")
        host, port = parse_bind("sip.listen", rest)
        ip_address(host)
    except ValueError:
        raise SettingError(
            f"sip.listen has {text!r}; expected udp, tcp or tls, an IP address and a port, e.g. tls:0.0.0.0:5061"
        ) from None
    return transport, host, port


def parse_bind(name: str, text: str) -> tuple[str, int]:
    """``HOST:PORT`` taken apart.

    Raises:
        SettingError: no port, or one outside 0 to 65535.
    """
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise SettingError(f"{name} is {text!r}; expected ADDRESS:PORT, e.g. 127.0.0.1:5060 (port 0 picks a free one)")
    return host, int(port)
