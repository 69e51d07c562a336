import re
import uuid

from callgate.runtime.ids import SystemIds


def test_sortable_ids_are_version_7_and_sort_by_time() -> None:
    ids = SystemIds()
    first = ids.sortable()
    assert uuid.UUID(first).version == 7
    assert uuid.UUID(first).variant == uuid.RFC_4122
    made = [first, *(ids.sortable() for _ in range(5_000))]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_names_never_repeat_and_tokens_fit_into_a_header() -> None:
    ids = SystemIds()
    names = {maker() for maker in (ids.uuid, ids.sortable, ids.token) for _ in range(1_000)}
    assert len(names) == 3_000
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", ids.token(16))
