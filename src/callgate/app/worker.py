"""The composition root of a media process: ``python -m callgate.app.worker FD``, started by the control process.

It carries neither the web nor the store: a stall there must never be heard.
"""

import signal
import sys

import uvloop

from callgate.media.worker import serve


def main() -> None:
    """Serve over the socket whose number is the only argument."""
    # Ctrl-C goes to the whole group of processes; when to end is the control process's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    uvloop.run(serve(int(sys.argv[1])))


if __name__ == "__main__":
    main()
