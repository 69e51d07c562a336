"""The mark of tests that need the extra callgate[opus]."""

from importlib.util import find_spec

import pytest

needs_opus = pytest.mark.skipif(find_spec("av") is None, reason="needs the extra callgate[opus]")
