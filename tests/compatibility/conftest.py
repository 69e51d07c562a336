"""The same server as for tests of the API."""

from tests.web.conftest import api as api
