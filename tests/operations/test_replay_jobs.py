"""Real processes over a real store."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from callgate.core.admission.recipe import recipe_of
from callgate.operations.errors import Full
from callgate.operations.replay_jobs import JOB_KEPT_S, JOBS_RUNNING_MAX, ReplayFailed, ReplayJobs
from callgate.operations.replay_process import Order, Report
from callgate.runtime.ids import SystemIds
from callgate.runtime.tasks import TaskOwner
from callgate.store.open import open_store
from callgate.store.past import PastPlace
from callgate.testing.clock import ManualClock
from tests.core.admission.rules import IDS, config, policies
from tests.peers.databases import Databases
from tests.store.facts import a_record

RECORDS = 3_000
KEPT_MAX = 2


@dataclass
class Bench:
    """Jobs, and something to replay."""

    jobs: ReplayJobs
    order: Order
    clock: ManualClock
    failures: list[BaseException]


@pytest.fixture
async def bench(databases: Databases, tmp_path: Path) -> AsyncIterator[Bench]:
    clock = ManualClock()
    store = await open_store(databases.at(tmp_path / "callgate.db"), clock=clock, ids=SystemIds())
    await store.create_account("default", "Default")
    for number in range(RECORDS):
        uri = f"sip:u{number % 2}@acme.calls.example"
        store.decision(a_record("acc", source_address="192.0.2.7", to_uri=uri, request_uri=uri))
    await store.written()
    live, draft = (recipe_of(policies(rules), "acc") for rules in (config((0, "^x")), config((1, "^u1"))))
    failures: list[BaseException] = []
    tasks = TaskOwner(lambda name, error: failures.append(error))
    order = Order(store.past_query("acc", None, None, rows_max=10_000), live, (draft,))
    yield Bench(ReplayJobs(clock, SystemIds(), tasks, KEPT_MAX), order, clock, failures)
    await tasks.close()
    await store.close()


def processes() -> list[int]:
    """Replays that are running as our children."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(pid) for pid in children if b"replay_process" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def begun() -> None:
    """Wait until there is a process."""
    for _ in range(1_000):
        if processes():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("no process within ten seconds")


async def test_a_job_tells_how_far_it_is_and_what_it_found(bench: Bench) -> None:
    job = bench.jobs.start("acc", bench.order)
    assert bench.jobs.find("acc", job.job_id) is job
    assert bench.jobs.find("other", job.job_id) is None
    await job.over.wait()
    assert job.result is not None
    assert (job.records, job.total, job.result.records) == (RECORDS, RECORDS, RECORDS)
    assert (job.result.changed, job.result.same) == (RECORDS // 2, RECORDS // 2)
    assert [(change.agent_id, change.gains) for change in job.result.agents] == [(IDS[1], RECORDS // 2)]
    assert processes() == []
    assert bench.failures == []


async def test_progress_comes_in_pieces(bench: Bench) -> None:
    reports: list[Report] = []
    await bench.jobs.replay(bench.order, reports.append)
    assert [report.records for report in reports] == [0, 1_000, 2_000, 3_000, 3_000]
    assert {report.total for report in reports} == {RECORDS}


async def test_several_drafts_are_tried_in_one_go_and_a_record_may_be_passed_over(bench: Bench) -> None:
    (draft,) = bench.order.drafts
    everything = recipe_of(policies(config((1, "^u"))), "acc")
    one, two = await bench.jobs.replay(replace(bench.order, drafts=(draft, everything), against_live=True))
    assert (one.changed, two.changed) == (RECORDS // 2, RECORDS)
    newest = one.moves[0].examples[0].decision_id
    (without,) = await bench.jobs.replay(replace(bench.order, without=newest))
    assert (without.records, without.changed) == (RECORDS - 1, RECORDS // 2 - 1)


async def test_an_account_has_one_at_a_time_and_the_node_a_few(bench: Bench) -> None:
    jobs = [bench.jobs.start("acc", bench.order)]
    with pytest.raises(Full) as own:
        bench.jobs.start("acc", bench.order)
    assert own.value.status == 429
    jobs += [bench.jobs.start(f"other{n}", bench.order) for n in range(JOBS_RUNNING_MAX - 1)]
    with pytest.raises(Full) as all_:
        bench.jobs.start("one more", bench.order)
    assert all_.value.status == 503
    for job in jobs:
        await job.over.wait()
    assert all(job.result is not None for job in jobs)
    await bench.jobs.end(bench.jobs.start("acc", bench.order))


async def test_a_job_that_is_ended_leaves_no_process(bench: Bench) -> None:
    job = bench.jobs.start("acc", bench.order)
    await begun()
    await bench.jobs.end(job)
    assert processes() == []
    assert bench.jobs.find("acc", job.job_id) is None
    assert job.failed == "ended by a DELETE"


async def test_what_is_over_is_kept_for_a_while(bench: Bench) -> None:
    job = bench.jobs.start("acc", bench.order)
    await job.over.wait()
    bench.clock.advance(JOB_KEPT_S - 1)
    assert bench.jobs.find("acc", job.job_id) is job
    bench.clock.advance(1)
    assert bench.jobs.find("acc", job.job_id) is None


async def test_only_the_newest_are_kept(bench: Bench) -> None:
    ended = []
    for _ in range(KEPT_MAX + 1):
        ended.append(bench.jobs.start("acc", bench.order))
        await ended[-1].over.wait()
    assert [bench.jobs.find("acc", job.job_id) for job in ended] == [None, *ended[1:]]


async def test_why_it_failed_is_told(bench: Bench) -> None:
    nowhere = replace(bench.order, query=replace(bench.order.query, place=PastPlace(path="/nowhere/callgate.db")))
    with pytest.raises(ReplayFailed, match="the database cannot be read: unable to open database file"):
        await bench.jobs.replay(nowhere)
    job = bench.jobs.start("acc", nowhere)
    await job.over.wait()
    assert "cannot be read" in job.failed
    assert processes() == []
    assert bench.failures == []


async def test_a_process_that_is_killed_is_told(bench: Bench) -> None:
    job = bench.jobs.start("acc", bench.order)
    await begun()
    os.kill(processes()[0], 9)
    await job.over.wait()
    assert "ended without a result" in job.failed
