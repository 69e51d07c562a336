"""Undoing `connect` on a UDP socket, which Python has no word for. POSIX: connect, with the family AF_UNSPEC."""

import ctypes
import errno
import os
import socket
import struct
from typing import Final

_libc: Final = ctypes.CDLL(None, use_errno=True)
# struct sockaddr with the family alone; BSDs want its length in the first byte and accept it so, too.
_NOBODY: Final = struct.pack("H14x", socket.AF_UNSPEC)


def unconnect(sock: socket.socket) -> None:
    """Let a UDP socket send to and hear from anybody again; it stays bound to its port.

    Raises:
        OSError: the system refused.
    """
    if _libc.connect(sock.fileno(), _NOBODY, len(_NOBODY)) != 0:
        error = ctypes.get_errno()
        if error != errno.EAFNOSUPPORT:  # how some systems say that it is done
            raise OSError(error, os.strerror(error))
