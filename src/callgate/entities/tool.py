"""Tools that agents may use: those that an account keeps, and those that are built in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from callgate.entities.json import JsonObject


@dataclass(frozen=True, slots=True)
class DurableTool:
    """A tool that an account keeps, to be selected by id or name.

    Attributes:
        tool_id: UUID, text.
        account_id: whose.
        name: unique within the account, at most 40 characters.
        created: when, UTC.
        definition: the public ``BaseToolDefinition`` (camelCase), validated.
    """

    tool_id: str
    account_id: str
    name: str
    created: datetime
    definition: JsonObject


BUILT_IN: Final = ("hangUp", "leaveVoicemail", "playDtmfSounds")
BUILT_IN_IDS: Final[Mapping[str, str]] = {str(uuid5(NAMESPACE_URL, f"callgate:tool:{name}")): name for name in BUILT_IN}
"""Their names by their ids, which are the same on every node."""
