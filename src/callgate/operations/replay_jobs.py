"""Replays in processes of their own: started, followed, kept for a while, ended."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from callgate.core.admission.replay import ReplayResult
from callgate.operations.errors import Full
from callgate.operations.replay_process import Order, Report
from callgate.ports import Clock, Ids
from callgate.runtime.tasks import TaskOwner

# A replay takes a core for as long as it runs: two leave a small machine something to answer with.
PROCESSES_MAX: Final = 2
JOBS_RUNNING_MAX: Final = 4
"""Replays of all accounts that run or wait for a process."""
JOBS_KEPT_MAX: Final = 50
"""Finished ones that can be asked about; each at most some 400 kB."""
JOB_KEPT_S: Final = 3_600.0

# The longest line is the last: results with every example. Those of 200 moves stay under 1 MB.
_LINE_BYTES_MAX: Final = 16 * 1_048_576
_RETRY_AFTER_S: Final = 5


class ReplayFailed(Exception):
    """A replay could not be brought to its end; words for whoever asked."""


@dataclass(eq=False)
class Job:
    """One replay.

    Attributes:
        job_id: UUID, text.
        account_id: whose.
        began: when, UTC.
        order: what is replayed.
        records: how many have been.
        total: how many there are; 0 before they have been counted.
        result: when it is done.
        failed: why it is over without a result; empty otherwise.
        over_at: seconds on the monotonic clock; ``None`` while it runs.
    """

    job_id: str
    account_id: str
    began: datetime
    order: Order
    records: int = 0
    total: int = 0
    result: ReplayResult | None = None
    failed: str = ""
    over_at: float | None = None
    task: "asyncio.Task[None] | None" = None
    over: asyncio.Event = field(default_factory=asyncio.Event)


class ReplayJobs:
    """The replays of a node.

    Args:
        clock: time.
        ids: names.
        tasks: who owns what runs in the background.
        kept_max: finished ones that are kept.
    """

    def __init__(self, clock: Clock, ids: Ids, tasks: TaskOwner, kept_max: int = JOBS_KEPT_MAX) -> None:
        self._clock = clock
        self._ids = ids
        self._tasks = tasks
        self._kept_max = kept_max
        self._jobs: dict[str, Job] = {}
        self._processes = asyncio.Semaphore(PROCESSES_MAX)

    def start(self, account_id: str, order: Order) -> Job:
        """Begin a replay of one draft.

        Raises:
            Full: the account has one running, or the node as many as it may.
        """
        self._forget()
        running = [job for job in self._jobs.values() if job.over_at is None]
        if any(job.account_id == account_id for job in running):
            raise Full("a replay of this account is running; wait for it, or DELETE it", 429, _RETRY_AFTER_S)
        if len(running) >= JOBS_RUNNING_MAX:
            raise Full(f"{JOBS_RUNNING_MAX} replays are running on this node", 503, _RETRY_AFTER_S)
        job = Job(self._ids.uuid(), account_id, self._clock.now(), order)
        self._jobs[job.job_id] = job
        job.task = self._tasks.spawn(self._run(job), name=f"replay {job.job_id}")
        return job

    def find(self, account_id: str, job_id: str) -> Job | None:
        """A job of an account, running or kept."""
        self._forget()
        job = self._jobs.get(job_id)
        return job if job is not None and job.account_id == account_id else None

    async def end(self, job: Job) -> None:
        """Stop a job, if it runs, and forget it; its process has ended when this returns."""
        self._jobs.pop(job.job_id, None)
        job.failed = job.failed or "ended by a DELETE"
        job.over.set()
        if job.task is not None:
            job.task.cancel()
            await asyncio.gather(job.task, return_exceptions=True)

    async def replay(
        self, order: Order, progress: Callable[[Report], None] = lambda report: None
    ) -> tuple[ReplayResult, ...]:
        """Replay, as soon as there is a process to spare, and wait for it.

        Raises:
            ReplayFailed: its process said why it cannot, or ended without a word.
        """
        async with self._processes:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "callgate.operations.replay_process",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LINE_BYTES_MAX,
            )
            try:
                return await _followed(process, order, progress)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())

    async def _run(self, job: Job) -> None:
        def progress(report: Report) -> None:
            job.records, job.total = report.records, report.total

        try:
            (job.result,) = await self.replay(job.order, progress)
        except ReplayFailed as failure:
            job.failed = str(failure)
        finally:
            if job.result is None:
                job.failed = job.failed or "a failure of the server; its log says more"
            job.over_at = self._clock.monotonic()
            job.over.set()

    def _forget(self) -> None:
        """Let go of jobs that have been over for long, and of the oldest when there are too many."""
        now = self._clock.monotonic()
        over = [job for job in self._jobs.values() if job.over_at is not None]
        for index, job in enumerate(reversed(over)):
            if index >= self._kept_max or now - (job.over_at or 0) >= JOB_KEPT_S:
                del self._jobs[job.job_id]


async def _followed(
    process: asyncio.subprocess.Process, order: Order, progress: Callable[[Report], None]
) -> tuple[ReplayResult, ...]:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):  # it ended at once: standard output says no more
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        await process.stdin.drain()
    while line := await process.stdout.readline():
        report = msgspec.json.decode(line, type=Report)
        progress(report)
        if report.failed:
            raise ReplayFailed(report.failed)
        if report.results is not None:
            return report.results
    raise ReplayFailed("the process that replayed has ended without a result; the log may say more")
