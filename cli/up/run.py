"""`coco up`: everything in order, one log, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from contextlib import suppress

import psycopg
from alembic.util.exc import CommandError

from cli import lock, postgres
from cli.errors import Fix
from cli.owner import owner_address
from cli.places import Places, places
from cli.up import children, demo_account, specs
from cli.up.logs import Terminal
from cli.up.ports import Ports
from cli.up.sandboxes import check_sandboxes, stop_sandboxes
from cli.up.specs import Plan
from cli.up.supervisor import Supervisor
from coco import deployment
from coco.settings import Settings
from store.migrate import migrate

DEMO_PORT, DEMO_SMTP_PORT = 8710, 8711


def up(settings: Settings, *, log_json: bool = False) -> None:
    """Until Ctrl-C, SIGTERM or SIGHUP. Raises Fix."""
    here = places(settings)
    here.make()
    with lock.held(here.lock):
        try:
            asyncio.run(_up(settings, here, Terminal(as_json=log_json)))
        finally:
            # Sockets and tokens only, made anew by the next start; nobody would look for them there.
            shutil.rmtree(here.short, ignore_errors=True)


async def _up(settings: Settings, here: Places, terminal: Terminal) -> None:
    supervisor = Supervisor(here.logs, children.Register(here.children), terminal)
    ports = Ports(here.ports, terminal.say)
    starting = asyncio.ensure_future(_start(settings, here, terminal, supervisor, ports))
    _end_on_signals(terminal, supervisor, starting)
    try:
        try:
            await starting
        except asyncio.CancelledError:
            return
        await supervisor.wait()
    finally:
        terminal.say("stopping")
        await supervisor.stop()
        ports.release()
        terminal.say("stopped")


def _end_on_signals(terminal: Terminal, supervisor: Supervisor, starting: asyncio.Future[None]) -> None:
    def end() -> None:
        starting.cancel()
        supervisor.end()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)


async def _start(settings: Settings, here: Places, terminal: Terminal, supervisor: Supervisor, ports: Ports) -> None:
    left = await asyncio.to_thread(children.stop_left_over, here.children)
    if left:
        terminal.say(f"an earlier start was killed; stopped what it left: {', '.join(left)}")
    await check_sandboxes(settings, here)
    deployment.make_missing(settings.model_copy(update={"state_dir": here.state}))
    plan = _plan(settings, here, ports)
    master = deployment.master_key(settings)

    await _start_database(plan, terminal, supervisor)
    try:
        await asyncio.to_thread(migrate, plan.owner_address, master.text)
    except psycopg.Error as error:
        raise Fix(_database_problem(plan, error)) from None
    except CommandError as error:
        raise Fix(f"the database was made by a newer Coco ({error}): use that one") from None

    beside = []
    if plan.embedded_temporal:
        (here.temporal / "client.toml").touch(mode=0o600)
        beside.append(specs.temporal_spec(plan))
    if settings.demo:
        plan.announce.unlink(missing_ok=True)
        beside.append(specs.demo_spec(plan))
    await supervisor.start(*beside)
    if not plan.embedded_temporal:
        await _prepare_temporal(settings, terminal)
    await supervisor.start(specs.gateway_spec(plan))
    # Between the gateway and the control worker: at the end, no worker is left that could start one again.
    supervisor.on_stop("sandboxes", lambda: stop_sandboxes(plan, terminal))
    await supervisor.start(specs.control_spec(plan), specs.api_spec(plan), specs.internal_spec(plan))
    terminal.table(_listening(plan))
    if settings.demo:
        _set_up_demo(plan, terminal, supervisor)


def _plan(settings: Settings, here: Places, ports: Ports) -> Plan:
    asked = settings.model_fields_set
    host, inside = settings.public_host, settings.internal_host
    demo = settings.demo
    embedded = settings.temporal_address is None
    return Plan(
        settings,
        here,
        public_port=ports.choose("public", host, settings.public_port, demanded="public_port" in asked),
        internal_port=ports.choose("internal", inside, settings.internal_port, demanded="internal_port" in asked),
        codec_port=ports.choose("codec", inside, settings.codec_port, demanded="codec_port" in asked),
        temporal_ui_port=ports.choose(
            "temporal-ui", "127.0.0.1", settings.temporal_ui_port, demanded="temporal_ui_port" in asked
        )
        if embedded
        else 0,
        temporal_port=ports.choose("temporal", "127.0.0.1", 0, same=True) if embedded else 0,
        temporal_http_port=ports.choose("temporal-http", "127.0.0.1", 0, same=True) if embedded else 0,
        # Connections name the demo's ports, so they stay what they were.
        demo_port=ports.choose("demo", "127.0.0.1", DEMO_PORT, same=True) if demo else 0,
        demo_smtp_port=ports.choose("demo-smtp", "127.0.0.1", DEMO_SMTP_PORT, same=True) if demo else 0,
    )


async def _start_database(plan: Plan, terminal: Terminal, supervisor: Supervisor) -> None:
    if not plan.embedded_postgres:
        return
    here = plan.places
    if await asyncio.to_thread(postgres.stop_left_over, here):
        terminal.say("stopped the Postgres that an earlier start left")
    for folder in await asyncio.to_thread(postgres.prepare, here):
        terminal.say(f"others may now pass through {folder} (not list it): Postgres runs as {postgres.SYSTEM_USER}")
    await supervisor.start(specs.postgres_spec(plan))
    await asyncio.to_thread(postgres.make_database, here)


def _database_problem(plan: Plan, error: psycopg.Error) -> str:
    where = owner_address(plan.owner_address)
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"the owner in {where} may not do what migrations need ({first}): give it CREATEROLE and the database"
    return f"the database at {where} cannot be used: {first}"


async def _prepare_temporal(settings: Settings, terminal: Terminal) -> None:
    from cli.up.temporal import ensure_search_attributes

    told = await ensure_search_attributes(settings)
    if told:
        terminal.say(told)


def _listening(plan: Plan) -> list[tuple[str, str, str]]:
    """(what, where, note), the inbox first."""
    settings = plan.settings
    inside = settings.internal_host
    rows = [("Inbox", settings.public_url or plan.local_url, "REST API and its description under /api/docs")]
    if settings.demo:
        rows.append(("Sign in as", demo_account.EMAIL, _how_to_sign_in(plan.places)))
        rows.append(("Demo workspace", f"http://127.0.0.1:{plan.demo_port}", "the CRM and the mail that actions reach"))
        rows.append(("Demo mail server", f"smtp://127.0.0.1:{plan.demo_smtp_port}", ""))
    if plan.temporal_ui_url:
        rows.append(("Temporal UI", plan.temporal_ui_url, "for operators"))
    rows.append(("Temporal", plan.temporal_address, f"namespace {settings.temporal_namespace}"))
    rows.append(("Internal app", f"http://{inside}:{plan.internal_port}", "for operators: `coco operator add EMAIL`"))
    rows.append(("Codec server", f"http://{inside}:{plan.codec_port}", "shows operators what runs hold"))
    rows.append(("Postgres", owner_address(specs.without_password(plan.owner_address)), ""))
    rows.append(("State and logs", str(plan.places.state), f"deployment {plan.deployment}"))
    return rows


def _how_to_sign_in(here: Places) -> str:
    secret, path = demo_account.password(here), demo_account.password_file(here)
    # On a terminal alone: elsewhere the output may be kept by who knows whom.
    return f"password {secret}" if sys.stdout.isatty() else f"its password is in {path}"


def _set_up_demo(plan: Plan, terminal: Terminal, supervisor: Supervisor) -> None:
    """In the background: the inbox can be used meanwhile."""

    async def work() -> None:
        try:
            announced = json.loads(plan.announce.read_text())
            await demo_account.set_up(plan.local_url, plan.public_host_header, plan.places, announced, terminal.say)
        except Fix as error:
            terminal.warn(str(error))

    task = asyncio.create_task(work(), name="the demo account")

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    supervisor.on_stop("setting up the demo account", stop)
