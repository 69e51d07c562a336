"""What every test may ask for."""

from tests.peers.fixtures import baresip as baresip
from tests.peers.fixtures import databases as databases
from tests.peers.fixtures import gate as gate
from tests.peers.fixtures import handler as handler
from tests.peers.fixtures import phone as phone
from tests.peers.fixtures import running_gate as running_gate
from tests.peers.fixtures import sipp as sipp
