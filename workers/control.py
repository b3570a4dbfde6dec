"""The control worker: runs workflows and trusted activities, delivers wake-ups, keeps sandboxes.

`python -m workers.control`. Any number may run; each exits cleanly on SIGTERM or SIGINT.
"""

from __future__ import annotations

from coco.processes import no_core_dumps

if __name__ == "__main__":
    # Before anybody else's code runs here, and before any key is read: not even a crash at the start shows one.
    no_core_dumps()

import asyncio
import logging
import signal
import socket
from datetime import timedelta

from temporalio.worker import Worker

from activities.trusted import TrustedActivities
from coco import deployment
from coco.audit_checkpoints import SigningKey
from coco.names import CONTROL_QUEUE
from coco.regions import check_host
from coco.settings import Settings
from sandbox.container import detect
from store import region
from store.database import Database
from store.roles import Role, role_dsn
from workers.checkpoints import CheckpointKeeper
from workers.codec import data_converter
from workers.dispatcher import Dispatcher
from workers.erasing import Eraser
from workers.keyring import KeyRing
from workers.leases import LeaseKeeper
from workers.reminders import keep_reminding
from workers.retention import keep_sweeping
from workers.sandboxes import Sandboxes
from workers.schedules import ScheduleKeeper
from workers.temporal import connect
from workers.waiting import keep_telling
from workflows.gate import GateInterceptor
from workflows.run import RunInput, RunWorkflow
from workflows.schedule import ScheduledWorkflow

log = logging.getLogger(__name__)


async def main(settings: Settings, tuning: RunInput) -> None:
    """Until SIGTERM or SIGINT. Raises when Postgres, Temporal or a sandbox kind is not there at the start."""
    if settings.database_url is None:
        raise SystemExit("DATABASE_URL is not set; `coco up` sets it for the embedded default")
    master = deployment.master_key(settings)
    database = Database(role_dsn(settings.database_url.get_secret_value(), Role.CONTROL, master.text))
    await region.check(database, settings.region)
    if settings.own_region is not None:
        check_host(settings.own_region, socket.gethostname())
    kind = await detect(
        None if settings.sandbox == "auto" else settings.sandbox,
        deployment=settings.deployment,
        state_dir=settings.state_dir / "sandboxes",
        log=log.info,
    )
    log.info("sandboxes: %s", kind.kind)
    keyring = KeyRing(database, master)
    client = await connect(settings, data_converter(keyring))
    sandboxes = Sandboxes(database, kind, settings)
    trusted = TrustedActivities(
        database, deployment.signing_key(settings), sandboxes.ensure, grant_seconds=settings.grant_seconds
    )
    dispatcher = Dispatcher(database, client, tuning)
    worker = Worker(
        client,
        task_queue=CONTROL_QUEUE,
        workflows=[RunWorkflow, ScheduledWorkflow],
        activities=trusted.all(),
        interceptors=[GateInterceptor()],
        max_concurrent_activities=20,
        # A run of a worker that was killed goes on elsewhere after this: half of what is usual in Python.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=5),
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with worker:
        owed = await dispatcher.owe_every_pending_run()
        log.info("the control worker is ready; %d runs resume", owed)
        beside = [asyncio.create_task(dispatcher.run()), asyncio.create_task(sandboxes.keep())]
        beside.append(asyncio.create_task(ScheduleKeeper(database, client).run()))
        signing = SigningKey.derived(deployment.signing_key(settings))
        beside.append(asyncio.create_task(CheckpointKeeper(database, signing, settings.deployment).run()))
        beside.append(asyncio.create_task(LeaseKeeper(database).run()))
        beside.append(asyncio.create_task(keep_reminding(database)))
        beside.append(asyncio.create_task(keep_telling(database)))
        beside.append(asyncio.create_task(keep_sweeping(database, settings)))
        beside.append(asyncio.create_task(Eraser(database, client, sandboxes, keyring, settings).run()))
        waiting = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([*beside, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in (*beside, waiting):
            task.cancel()
        for task in done - {waiting}:
            task.result()
    await database.close()


def tuning_of(settings: Settings) -> RunInput:
    """How runs behave; tests shorten it."""
    return RunInput.model_validate_json(settings.run_tuning) if settings.run_tuning else RunInput()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    configured = Settings()
    asyncio.run(main(configured, tuning_of(configured)))
