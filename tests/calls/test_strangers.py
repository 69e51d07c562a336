from callgate.entities.decision import Verdict
from tests.calls.stage import Stage

SCANNER = "203.0.113.9"


def lines(stage: Stage, event: str) -> list[dict[str, object]]:
    return [fields for name, fields in stage.log if name == event]


async def test_a_source_is_told_of_once_a_minute_with_its_count(stage: Stage) -> None:
    strangers = stage.gate.strangers
    for minute in range(2):
        for _ in range(500):
            if strangers.noisy(SCANNER):
                strangers.ignored(SCANNER)
            else:
                strangers.refused(SCANNER)
        assert len(lines(stage, "stranger.refused")) == minute
        stage.clock.advance(60)
    first, second = lines(stage, "stranger.refused")
    assert first["source"] == SCANNER
    assert (second["refused"], second["ignored"]) == (0, 500)
    assert sum(int(str(line[kind])) for line in (first, second) for kind in ("refused", "ignored")) == 1_000
    stage.clock.advance(600)
    assert len(lines(stage, "stranger.refused")) == 2


async def test_what_was_not_looked_at_leaves_a_record_with_its_count(stage: Stage) -> None:
    for _ in range(7):
        stage.gate.strangers.ignored(SCANNER)
    stage.clock.advance(60)
    (record,) = stage.store.records
    assert (record.verdict, record.outcome, record.count) == (Verdict.IGNORE, "noise", 7)
    assert (record.source_address, record.account_id) == (SCANNER, None)


async def test_a_flood_from_everywhere_is_not_a_flood_of_lines(stage: Stage) -> None:
    for host in range(5_000):
        stage.gate.strangers.refused(f"10.9.{host // 250}.{host % 250}")
    stage.clock.advance(60)
    assert len(lines(stage, "stranger.refused")) == 100
    (others,) = lines(stage, "strangers.refused")
    assert others["refused"] == 4_900


async def test_who_is_known_is_never_counted(stage: Stage) -> None:
    for _ in range(500):
        stage.gate.strangers.refused("192.0.2.7")
    assert not stage.gate.strangers.noisy("192.0.2.7")
    stage.clock.advance(60)
    assert lines(stage, "stranger.refused") == []
