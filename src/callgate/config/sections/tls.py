"""Certificates of SIP over TLS."""

from dataclasses import dataclass

from callgate.config.declaration import setting


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """Certificates of SIP over TLS."""

    tls_certificate: str = setting(
        "tls.certificate",
        "",
        "File of our certificate in PEM, with those between it and its root. Read again when it changes; connections "
        "stay.",
    )
    tls_key: str = setting(
        "tls.key",
        "",
        "File of its key in PEM, without a password.",
    )
    tls_client_ca: str = setting(
        "tls.client_ca",
        "",
        "File of who signs the certificates that callers must show, in PEM. Empty: none is asked for.",
    )
    tls_client_required: bool = setting(
        "tls.client_required",
        True,
        "With `tls.client_ca`: turn away who shows no certificate. Off: only who shows a wrong one.",
    )
    tls_peer_ca: str = setting(
        "tls.peer_ca",
        "",
        "File of who signs the certificates of peers that we connect to, in PEM. Empty: the system's.",
    )
    tls_peer_verify: bool = setting(
        "tls.peer_verify",
        True,
        "Look at the certificates of peers that we connect to. Off: for a network where they are homemade.",
    )
