"""The jobs of outreach on Procrastinate: alarms that triggers and schedules set; what is true stands in the ledger.

A job may run twice or late, so each of them looks at the ledger first and does nothing that has been done.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException

from store.databases import plain_url

log = structlog.get_logger("outreach.jobs")
QUEUE = "outreach"
CONCURRENCY = 4
_RETRY = RetryStrategy(max_attempts=8, exponential_wait=3)
_SILENT_S = 60.0
"""A worker that has been silent for so long is taken for dead: its jobs are done again."""
_KEEP_FAILED_H = 24 * 30
_AGAIN_S = 2.0

One = Callable[[uuid.UUID], Awaitable[object]]
All = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Duties:
    """What the jobs do, by their names; each takes the id of what it is about."""

    enrol: One
    """A campaign's audience, looked through again."""
    conclude: One
    """An attempt that ended."""
    thank: One
    """A reminder closed by payment."""
    promise: One
    """A promise whose day has passed."""
    callback: One
    """A call back that is due."""
    enrol_all: All
    """Every morning: all running campaigns."""
    expire: All
    """Every night: approved deferrals that have run out."""
    sweep: All
    """Every minute: leases that ran out, attempts nobody concluded."""


def build_jobs(url: str, duties: Duties) -> App:
    """The app whose worker does ``duties`` on the database ``url``."""
    app = App(connector=PsycopgConnector(conninfo=plain_url(url), min_size=1, max_size=CONCURRENCY + 2))

    def on_alarm(name: str, argument: str, duty: One) -> None:
        @app.task(name=f"outreach.{name}", queue=QUEUE, retry=_RETRY)
        async def task(**arguments: str) -> None:
            await duty(uuid.UUID(arguments[argument]))

    on_alarm("enrol", "campaign_id", duties.enrol)
    on_alarm("conclude", "attempt_id", duties.conclude)
    on_alarm("thank", "reminder_id", duties.thank)
    on_alarm("promise", "promise_id", duties.promise)
    on_alarm("callback", "case_id", duties.callback)

    def by_the_clock(name: str, cron: str, duty: All) -> None:
        # Crontabs are in UTC, eight hours behind Shanghai.
        @app.periodic(cron=cron)
        @app.task(
            name=f"outreach.{name}", queue=QUEUE, queueing_lock=f"outreach.{name}", lock=f"outreach.{name}"
        )
        async def task(timestamp: int) -> None:
            await duty()

    by_the_clock("enrol_all", "5 23 * * *", duties.enrol_all)
    by_the_clock("expire", "30 16 * * *", duties.expire)
    by_the_clock("sweep", "* * * * *", duties.sweep)

    @app.periodic(cron="* * * * *")
    @app.task(name="outreach.rescue", queue=QUEUE, queueing_lock="outreach.rescue", pass_context=True)
    async def rescue(context: JobContext, timestamp: int) -> None:
        """Jobs whose worker died are done again; old failures are forgotten."""
        manager = context.app.job_manager
        for job in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=_SILENT_S):
            log.warning("job_rescued", task=job.task_name)
            await manager.retry_job(job)
        await manager.delete_old_jobs(nb_hours=_KEEP_FAILED_H, queue=QUEUE, include_failed=True)

    return app


async def run_jobs(app: App, stop: asyncio.Event, name: str) -> None:
    """Work until ``stop``; a database that is away is waited for."""
    while not stop.is_set():
        try:
            async with app.open_async():
                working = asyncio.create_task(
                    app.run_worker_async(
                        queues=[QUEUE],
                        name=name,
                        concurrency=CONCURRENCY,
                        install_signal_handlers=False,
                        delete_jobs="successful",
                        fetch_job_polling_interval=1.0,
                        shutdown_graceful_timeout=5.0,
                    )
                )
                stopping = asyncio.create_task(stop.wait())
                await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
                for task in (working, stopping):
                    task.cancel()
                results = await asyncio.gather(working, return_exceptions=True)
                if isinstance(results[0], Exception):
                    raise results[0]
        except (ConnectorException, OSError) as error:
            log.warning("jobs_interrupted", error=type(error).__name__)
            await asyncio.sleep(_AGAIN_S)
