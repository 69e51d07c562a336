from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, create_engine, insert, select
from sqlalchemy.dialects import postgresql

from callgate.store.tables import UtcDateTime
from callgate.store.time_of_day import within

MOMENTS = Table("moments", MetaData(), Column("at", UtcDateTime))
TIME = st.times() | st.sampled_from([time.min, time.max, time(12)])


@given(at=st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), start=TIME, end=TIME)  # noqa: DTZ001
def test_a_moment_lies_between_two_times_of_day(at: datetime, start: time, end: time) -> None:
    engine = create_engine("sqlite://")
    MOMENTS.create(engine)
    with engine.begin() as connection:
        connection.execute(insert(MOMENTS), [{"at": at.replace(tzinfo=UTC)}])
        found = connection.execute(select(MOMENTS).where(within(MOMENTS.c.at, start, end))).all()
    engine.dispose()
    day = at.time()
    assert bool(found) is (start <= day <= end if start <= end else day >= start or day <= end)


@pytest.mark.parametrize("hours", [0, 5, -8])
def test_it_is_the_time_of_day_in_utc(hours: int) -> None:
    engine = create_engine("sqlite://")
    MOMENTS.create(engine)
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC) + timedelta(hours=hours)
    with engine.begin() as connection:
        connection.execute(insert(MOMENTS), [{"at": noon}])
        around = within(MOMENTS.c.at, time(12 + hours), time(12 + hours))
        assert connection.execute(select(MOMENTS).where(around)).all() != []
    engine.dispose()


def test_postgresql_is_asked_in_its_own_words() -> None:
    query = select(MOMENTS).where(within(MOMENTS.c.at, time(1), time(2)))
    words = str(query.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert "to_char(moments.at AT TIME ZONE 'UTC', 'HH24:MI:SS.US') >= " in words
