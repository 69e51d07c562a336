"""Certificates made for a test, by the command `openssl`."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """Files in PEM.

    Attributes:
        certificate: the chain.
        key: its key.
    """

    certificate: Path
    key: Path

    def copied_to(self, folder: Path) -> "Certificate":
        """Copies under names that stay the same, as an ACME client leaves them."""
        files = Certificate(folder / "fullchain.pem", folder / "privkey.pem")
        shutil.copy(self.key, files.key)
        shutil.copy(self.certificate, files.certificate)
        return files

    @property
    def pem(self) -> bytes:
        """The certificate as a peer sees it, DER."""
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())


class Authority:
    """Signs certificates, and is trusted by whoever takes `path`.

    Args:
        folder: for its files.
        name: of the authority.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._name = name
        self.path = folder / f"{name}.pem"
        _openssl(
            *("req", "-x509", *_KEY, "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "basicConstraints=critical,CA:TRUE"),
            *("-keyout", str(folder / f"{name}.key"), "-out", str(self.path)),
        )

    def signs(self, name: str, alternatives: str = "DNS:localhost,IP:127.0.0.1,IP:::1") -> Certificate:
        """A certificate for a server or a client."""
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\n")
        request = self._folder / f"{name}.csr"
        _openssl("req", "-new", *_KEY, "-subj", f"/CN={name}", "-keyout", str(made.key), "-out", str(request))
        _openssl(
            *("x509", "-req", "-in", str(request), "-days", "2", "-extfile", str(extensions)),
            *("-CA", str(self.path), "-CAkey", str(self._folder / f"{self._name}.key"), "-CAcreateserial"),
            *("-out", str(made.certificate)),
        )
        return made

    def trusting(self, own: Certificate | None = None) -> ssl.SSLContext:
        """A client that trusts this authority, and shows a certificate of its own if it has one."""
        context = ssl.create_default_context(cafile=str(self.path))
        if own is not None:
            context.load_cert_chain(own.certificate, own.key)
        return context


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
