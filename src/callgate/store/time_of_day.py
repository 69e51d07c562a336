"""The time of day of a moment, for both databases: neither has it in the other's words."""

from datetime import datetime, time
from typing import Any

from sqlalchemy import Column, ColumnElement, String, and_, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _TimeOfDay(FunctionElement[str]):
    """A moment's time of day in UTC as ``HH:MM:SS.ffffff``."""

    name = "time_of_day"
    type = String()
    inherit_cache = True


@compiles(_TimeOfDay, "sqlite")
def _in_sqlite(element: _TimeOfDay, compiler: SQLCompiler, **more: Any) -> str:
    return f"substr({compiler.process(element.clauses, **more)}, 12, 15)"  # of `2026-01-01 12:30:00.000000`


@compiles(_TimeOfDay, "postgresql")
def _in_postgresql(element: _TimeOfDay, compiler: SQLCompiler, **more: Any) -> str:
    return f"to_char({compiler.process(element.clauses, **more)} AT TIME ZONE 'UTC', 'HH24:MI:SS.US')"


def within(column: Column[datetime], start: time, end: time) -> ColumnElement[bool]:
    """Whether the time of day in UTC lies between two, both included. An end before the start is the next day's."""
    at = _TimeOfDay(column)
    from_start, to_end = at >= start.isoformat("microseconds"), at <= end.isoformat("microseconds")
    return and_(from_start, to_end) if start <= end else or_(from_start, to_end)
