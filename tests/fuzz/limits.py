"""What no input may cost: the same bounds for every target, under atheris and in `make test`."""

from collections.abc import Callable
from typing import Final

Check = Callable[[bytes], None]
"""A target: raises for whatever is wrong with how our code took the bytes, and for nothing else."""

INPUT_BYTES_MAX: Final = 65_535
"""The largest datagram; streams are cut into pieces no longer than that too."""

SECONDS_MAX: Final = 1.0
"""Processor time for one input. The slowest take some 0.05 s here; what is quadratic takes minutes at this size."""

MEMORY_BYTES_MAX: Final = 32 * 1024 * 1024
"""At the peak, for one input: a 64 kB message of one-letter elements is some hundred thousand small objects."""
