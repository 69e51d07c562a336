"""Tools that accounts keep."""

from dataclasses import replace

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from callgate.entities.json import JsonObject
from callgate.entities.tool import DurableTool
from callgate.store.base import StorePart
from callgate.store.errors import NameTaken
from callgate.store.rows import tool_row
from callgate.store.tables import tools


class ToolStore(StorePart):
    """The verbs on tools; they are read from the snapshot."""

    async def create_tool(self, account_id: str, name: str, definition: JsonObject) -> DurableTool:
        """Make a tool.

        Raises:
            NameTaken: the account has one of this name.
        """
        tool = DurableTool(self._ids.uuid(), account_id, name, self._clock.now(), definition)

        async def work(connection: AsyncConnection) -> None:
            self._check_name(tool)
            await connection.execute(insert(tools), [tool_row(tool)])

        def committed(nothing: None) -> None:
            self.snapshot.swap(self.snapshot.now.with_tool(tool), account_id)

        await self._change(account_id, work, committed)
        return tool

    async def replace_tool(
        self, account_id: str, tool_id: str, name: str, definition: JsonObject
    ) -> DurableTool | None:
        """Give a tool another name and definition; ``None`` when there is none.

        Raises:
            NameTaken: another one of the account has this name.
        """

        async def work(connection: AsyncConnection) -> DurableTool | None:
            tool = self.snapshot.tools_of(account_id).get(tool_id)
            if tool is None:
                return None
            changed = replace(tool, name=name, definition=definition)
            self._check_name(changed)
            await connection.execute(update(tools).where(tools.c.tool_id == tool_id).values(tool_row(changed)))
            return changed

        def committed(changed: DurableTool | None) -> None:
            if changed is not None:
                self.snapshot.swap(self.snapshot.now.with_tool(changed), account_id)

        return await self._change(account_id, work, committed)

    async def delete_tool(self, account_id: str, tool_id: str) -> bool:
        """Delete a tool; ``False`` when there is none."""

        async def work(connection: AsyncConnection) -> bool:
            if tool_id not in self.snapshot.tools_of(account_id):
                return False
            await connection.execute(delete(tools).where(tools.c.tool_id == tool_id))
            return True

        def committed(deleted: bool) -> None:
            if deleted:
                self.snapshot.swap(self.snapshot.now.without_tool(account_id, tool_id), account_id)

        return await self._change(account_id, work, committed)

    def _check_name(self, tool: DurableTool) -> None:
        others = self.snapshot.tools_of(tool.account_id).values()
        if any(one.name == tool.name and one.tool_id != tool.tool_id for one in others):
            raise NameTaken(tool.name)
