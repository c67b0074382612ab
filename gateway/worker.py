"""``shuiling worker``: carries out campaigns and sends texts. One runs beside the gateway; more may run on other machines.

Any number of them share one database and get in each other's way nowhere: lines and pace are counted there.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import uuid
from collections.abc import Awaitable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select

from gateway import logs
from gateway.calls.outbound import CallDialler, call_limits, callbacks_of, outbound_carrier
from gateway.clock import SHANGHAI, Clock
from gateway.settings import Settings
from gateway.sms import sms_carrier
from gateway.wechat import wechat_carrier
from outreach.callbacks import call_back
from outreach.clock import StoreClock
from outreach.closing import thank
from outreach.conclude import conclude
from outreach.enrol import enrol
from outreach.expiry import expire_deferrals
from outreach.jobs import Duties, build_jobs, run_jobs
from outreach.outbox import SmsSender
from outreach.pacing import SMS, set_pace
from outreach.promises import check
from outreach.risk import load_rules
from outreach.sweep import sweep
from outreach.wechat_outbox import WechatSender
from outreach.worker import Worker
from store import embedded
from store.crypto import FieldCipher
from store.engine import SessionFactory, make_engine, make_sessions
from store.live import Live
from store.outreach_models import Campaign, CampaignStatus

log = structlog.get_logger("gateway.worker")
_POOL = 24


def clock_of(settings: Settings) -> StoreClock:
    """The store's clock, on the fixed day of the settings if there is one."""
    if settings.today is None:
        return StoreClock()
    return StoreClock(timedelta(days=(settings.today - datetime.now(SHANGHAI).date()).days))


def duties(sessions: SessionFactory, cipher: FieldCipher, clock: StoreClock, worker: Worker) -> Duties:
    """What the jobs of this worker do."""
    rules = load_rules()

    async def look_through(campaign_id: uuid.UUID) -> None:
        log.info(
            "enrolled",
            campaign=str(campaign_id),
            result=str(await enrol(sessions, clock, campaign_id, rules)),
        )

    async def look_through_all() -> None:
        async with sessions() as session:
            running = select(Campaign.id).where(Campaign.status == CampaignStatus.RUNNING)
            found = (await session.scalars(running.order_by(Campaign.started_at))).all()
        for campaign_id in found:
            await look_through(campaign_id)

    return Duties(
        enrol=look_through,
        conclude=lambda attempt_id: conclude(sessions, clock, attempt_id),
        thank=lambda reminder_id: thank(sessions, cipher, clock, reminder_id),
        promise=lambda promise_id: check(sessions, cipher, clock, promise_id),
        callback=lambda case_id: call_back(sessions, cipher, clock, case_id, worker),
        enrol_all=look_through_all,
        expire=lambda: expire_deferrals(sessions, clock),
        sweep=lambda: sweep(sessions, clock),
    )


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Carry out campaigns until ``stop``.

    Raises:
        store.embedded.EmbeddedServerError: the embedded database does not start.
    """
    url = settings.database_url or (await asyncio.to_thread(embedded.start, settings.data_dir)).url
    engine = make_engine(url, pool_size=_POOL)
    sessions = make_sessions(engine)
    cipher = FieldCipher.from_settings(
        settings.field_keys.get_secret_value(), settings.lookup_key.get_secret_value()
    )
    clock = clock_of(settings)
    name = f"{socket.gethostname()}:{os.getpid()}"
    live = Live(url)
    outbound = outbound_carrier(settings, callbacks_of(settings)) if settings.telephone else None
    dialler = None
    if outbound is not None:
        dialler = CallDialler(
            sessions, cipher, outbound.carrier, Clock(settings.today).now, call_limits(settings)
        )
    worker = Worker(sessions, cipher, clock, dialler, name, live=live)
    sms = sms_carrier(settings)
    parts: list[Awaitable[None]] = [
        worker.run(stop),
        SmsSender(sessions, cipher, clock, sms).run(stop),
        run_jobs(build_jobs(url, duties(sessions, cipher, clock, worker)), stop, name),
    ]
    wechat = wechat_carrier(settings)
    if wechat is not None:
        sender = WechatSender(sessions, cipher, clock, wechat)
        live.subscribe(sender.heard)
        parts.append(sender.run(stop))
    try:
        async with sessions() as session, session.begin():
            await set_pace(session, SMS, settings.sms_a_second, 1)
            if dialler is not None:
                await set_pace(session, dialler.name, settings.dial_a_second, settings.dial_lines)
        live.start()
        log.info("worker_started", carrier=dialler.name if dialler else None, wechat=wechat is not None)
        await asyncio.gather(*parts)
    finally:
        await live.close()
        for carrier in (outbound.carrier if outbound is not None else None, sms, wechat):
            if carrier is not None:
                await carrier.aclose()
        await engine.dispose()


async def _until_told(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await work(settings, stop)


def main() -> None:
    """Run until SIGINT or SIGTERM."""
    settings = Settings()
    logs.configure(settings.log_level)
    asyncio.run(_until_told(settings))


if __name__ == "__main__":
    main()
