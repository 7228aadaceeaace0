"""The commands: serve, sandbox, schema, query, explain, check, api-key.

Each says plainly what it does and ends with a code that a script can rely on: 0 done, 1 the thing
asked for failed, 2 it was asked wrongly.
"""

import asyncio
import json
import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from casegraph.app import create_app, create_gateway
from casegraph.checks import Finding, check_upstreams
from casegraph.edge.api_keys import ApiKeysError, new_key
from casegraph.engine.compiled.text import Explained
from casegraph.engine.standard import Operation
from casegraph.errors import SettingsInvalid
from casegraph.graph.examples import ExampleQuery, examples
from casegraph.graph.exports import Format, exported
from casegraph.graph.forecast_plan import Forecast
from casegraph.graph.forecast_table import lines
from casegraph.graph.schema import build_schema
from casegraph.serving import Stopping, bind, serve_bound, start_in_thread
from casegraph.serving import serve as serve_on_socket
from casegraph.settings import Settings, load_settings, unknown_variables
from casegraph.telemetry.logs import configure_logging, log_uncaught
from casegraph.wiring import wire
from casegraph.workers import WorkerFailed, serve_with_workers

if TYPE_CHECKING:  # these take 2 and 3 MB, which a gateway over other upstreams does without
    from rich.console import Console

    from casegraph.sandbox.world import World

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they could hold credentials
    help="One GraphQL question, one case: a gateway over four case systems.",
)

_DRAIN_SECONDS = 5.0
"""How long balancers get to notice that the process is not ready (reliability §3)."""
_LAST_SECONDS = 10.0
"""What a worker may need beyond that to close what is open, before it is killed."""
_FINISH_SECONDS = 25
"""How long open requests get after that (reliability §3)."""

Config = Annotated[Path | None, typer.Option(help="TOML file with settings.")]
_PORT = typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")


_FOUND = {True: ("ok", "green"), False: ("FAIL", "red"), None: ("-", "dim")}


def main() -> None:
    """Run the command line."""
    try:
        app()
    except SettingsInvalid as error:
        typer.echo(f"casegraph: {error}", err=True)
        sys.exit(2)


@app.command()
def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Where to listen.")] = None,
    port: Annotated[int | None, _PORT] = None,
    trusted_documents: Annotated[
        Path | None, typer.Option(help="JSON file of trusted documents.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that serve.")] = 1,
) -> None:
    """Run the gateway; on the bundled upstreams when none is configured."""
    settings, world = _settings_or_sandbox(config, host=host, port=port)
    if trusted_documents is not None:
        documents = settings.documents.model_copy(update={"trusted": str(trusted_documents)})
        settings = settings.model_copy(update={"documents": documents})
    _configure_logging(settings)
    shown = _examples(settings, world)

    def ready(chosen: int) -> None:
        _welcome(settings, world, shown, f"http://{_shown_host(settings.host)}:{chosen}")

    gateway = create_app(settings, shown)
    if workers == 1:
        stopping = _stopping(settings, gateway.state.readiness.end)
        _serve(lambda: serve_on_socket(gateway, settings.host, settings.port, ready, stopping))
        return
    share = settings.of_one_worker(workers)
    _serve(lambda: _serve_with(workers, share, shown, ready))


def _serve_with(
    workers: int,
    settings: Settings,
    shown: tuple[ExampleQuery, ...],
    ready: Callable[[int], None],
) -> None:
    patience = _drain_seconds(settings) + _FINISH_SECONDS + _LAST_SECONDS
    with bind(settings.host, settings.port) as bound:
        chosen: int = bound.getsockname()[1]
        work = partial(_worker, settings, shown)
        try:
            serve_with_workers(workers, bound, work, lambda: ready(chosen), patience)
        except WorkerFailed:
            raise typer.Exit(1) from None


def _worker(
    settings: Settings,
    shown: tuple[ExampleQuery, ...],
    bound: socket.socket,
    ready: Callable[[], None],
) -> None:
    """Serve in a process of its own."""
    _configure_logging(settings)
    gateway = create_app(settings, shown)
    serve_bound(gateway, bound, ready, _stopping(settings, gateway.state.readiness.end))


def _configure_logging(settings: Settings) -> None:
    configure_logging(settings.log.level, human=settings.log.format == "human")
    log_uncaught()


def _stopping(settings: Settings, told: Callable[[], None]) -> Stopping:
    return Stopping(
        told=told,
        drain_seconds=_drain_seconds(settings),
        finish_seconds=_FINISH_SECONDS,
    )


def _drain_seconds(settings: Settings) -> float:
    if settings.drain_seconds is not None:
        return settings.drain_seconds
    return 0.0 if settings.is_loopback() else _DRAIN_SECONDS


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, _PORT] = 8100,
    latency: Annotated[float, typer.Option(min=0, help="Delay of every answer, in ms.")] = 0,
    seed: Annotated[int, typer.Option(help="Which world: the same seed, the same world.")] = 7,
    cases: Annotated[int, typer.Option(min=50, help="How many cases the hub has.")] = 2500,
    faults: Annotated[Path | None, typer.Option(help="Fault plan, a .json or .toml file.")] = None,
) -> None:
    """Run the four bundled upstreams alone; prints what points a gateway at them."""
    from casegraph.sandbox.faults import load_plan  # noqa: PLC0415  see above
    from casegraph.sandbox.server import build  # noqa: PLC0415  see above
    from casegraph.sandbox.world import build_world  # noqa: PLC0415  see above

    plan = None if faults is None else load_plan(faults)
    built = build(build_world(seed=seed, cases=cases), latency_ms=latency, faults=plan)

    def ready(chosen: int) -> None:
        base = f"http://{_shown_host(host)}:{chosen}"
        typer.echo(f"# The four upstreams of casegraph's sandbox ({cases} cases, seed {seed}).")
        typer.echo(f"# Calls so far: {base}/__control/calls — paste the lines below to point a")
        typer.echo("# gateway at them.")
        for name, value in built.environment(base).items():
            typer.echo(f"export {name}={shlex.quote(value)}")

    _serve(lambda: serve_on_socket(built.app, host, port, ready))


@app.command()
def schema(
    check: Annotated[
        Path | None, typer.Option(help="Compare with this file instead of printing.")
    ] = None,
    form: Annotated[
        Format,
        typer.Option("--format", help="As text, as introspection answers it, or for caches."),
    ] = "sdl",
) -> None:
    """Print the schema, or compare it with a file."""
    text = exported(build_schema(), form)
    if check is None:
        sys.stdout.write(text)
        return
    try:
        same = check.read_text(encoding="utf-8") == text
    except OSError as error:
        raise SettingsInvalid(f"{check}: {error.strerror or 'cannot be read'}.") from None
    if not same:
        typer.echo(f"{check} is not the schema of this code; print it anew.", err=True)
        raise typer.Exit(1)
    typer.echo(f"{check} is up to date.")


@app.command()
def query(
    document: Annotated[str, typer.Argument(help="File with a GraphQL document, or - for stdin.")],
    variables: Annotated[str, typer.Option(help="Variables, as a JSON object.")] = "{}",
    operation: Annotated[str | None, typer.Option(help="Which operation of several.")] = None,
    config: Config = None,
) -> None:
    """Run a document and print the answer; exit code 1 when it has errors."""
    asked = _operation(document, variables, operation)
    settings, _ = _settings_or_sandbox(config)
    answer = asyncio.run(_run_query(settings, asked))
    console = _console()
    if console.is_terminal:
        console.print_json(answer)
    else:
        sys.stdout.write(json.dumps(json.loads(answer), indent=2, ensure_ascii=False) + "\n")
    if "errors" in json.loads(answer):
        raise typer.Exit(1)


@app.command()
def explain(
    document: Annotated[str, typer.Argument(help="File with a GraphQL document, or - for stdin.")],
    variables: Annotated[str, typer.Option(help="Variables, as a JSON object.")] = "{}",
    operation: Annotated[str | None, typer.Option(help="Which operation of several.")] = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of text.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print how it would be run.")] = False,
    code: Annotated[bool, typer.Option("--code", help="Print the code that would run it.")] = False,
) -> None:
    """Tell which upstream calls a document would cost, without making any."""
    asked = _operation(document, variables, operation)
    settings, _ = _settings_or_sandbox(config)
    forecast, answer, compiled = asyncio.run(_explain(settings, asked))
    if forecast is None:
        for error in answer["errors"]:
            typer.echo(f"casegraph: {error['message']}", err=True)
        raise typer.Exit(1)
    if plan or code:
        sys.stdout.write("\n".join(compiled.shown(plan=plan, code=code)))
        return
    if as_json:
        shown = answer["extensions"]["explain"]
        sys.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False) + "\n")
        return
    for line in lines(forecast):
        sys.stdout.write(f"{line}\n")


@app.command(name="api-key")
def api_key(
    name: Annotated[str, typer.Argument(help="Whose key it is; audit lines name it.")],
    scope: Annotated[list[str], typer.Option(help="What it may do; may be given again.")],
) -> None:
    """Make an API key: the key on standard output, once, and the line for the file below it."""
    try:
        key, line = new_key(name, scope)
    except ApiKeysError as error:
        raise SettingsInvalid(f"api-key: {error}") from None
    typer.echo(f"# For the client; it is kept nowhere:\n{key}")
    typer.echo(f"# For the file that CASEGRAPH_AUTH__API_KEYS_FILE names:\n{line}")


@app.command()
def check(config: Config = None) -> None:
    """Ask each configured upstream once whether it is there and accepts the credentials."""
    settings = load_settings(config)
    _warn_of_unknown()
    findings = asyncio.run(_check(settings))
    console = _console()
    for finding in findings:
        word, style = _FOUND[finding.ok]
        console.print(f"{word:<4}", style=style, end=" ")
        console.print(f"{finding.upstream:<18} {finding.text}", markup=False)
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


def _operation(document: str, variables: str, name: str | None) -> Operation:
    text = sys.stdin.read() if document == "-" else _read(Path(document))
    try:
        values = json.loads(variables)
    except json.JSONDecodeError as error:
        raise SettingsInvalid(f"--variables: not JSON ({error}).") from None
    if not isinstance(values, dict):
        raise SettingsInvalid("--variables: a JSON object is asked for.")
    return Operation(text, values, name)


def _settings_or_sandbox(config: Path | None, **overrides: Any) -> tuple[Settings, "World | None"]:
    """Return the settings; when no upstream is configured, with the bundled ones started."""
    settings = load_settings(config, **overrides)
    _warn_of_unknown()
    if any(upstream.is_configured() for upstream in settings.upstreams().values()):
        return settings, None
    from casegraph.sandbox.server import build  # noqa: PLC0415  see above
    from casegraph.sandbox.world import build_world  # noqa: PLC0415  see above

    world = build_world()
    bundled = build(world)
    running = start_in_thread(bundled.app)  # for as long as the process lives
    os.environ.update(bundled.environment(running.url))
    return load_settings(config, **overrides), world


def _examples(settings: Settings, world: "World | None") -> tuple[ExampleQuery, ...]:
    if world is not None:
        return bundled_examples(world)
    return examples(*(settings.action_management.hubs or ())[:1])


def bundled_examples(world: "World") -> tuple[ExampleQuery, ...]:
    """Return the examples for the bundled upstreams: the case with everything, and its customer."""
    hub_id, case_id = world.oddities.hub_with_program, world.oddities.case_with_everything
    fields = world.action_management.hubs[hub_id].cases[case_id]["dataFields"]
    customer = next(each["value"] for each in fields if each["questionName"] == "customer_id")
    return examples(str(hub_id), str(case_id), customer)


def _welcome(
    settings: Settings, world: "World | None", shown: tuple[ExampleQuery, ...], base: str
) -> None:
    if world is not None:
        typer.echo("No upstream is configured: this gateway runs on the bundled upstreams.")
    if not settings.auth.is_configured() and not settings.is_loopback():
        typer.echo("Anybody who can reach this address can ask: nobody has to say who they are.")
    for name, upstream in settings.upstreams().items():
        where = upstream.url if upstream.is_configured() else "not configured"
        typer.echo(f"  {name:<18} {where}")
    typer.echo(f"\nGraphQL    {base}/graphql")
    if settings.on_loopback(settings.explorer):
        typer.echo(f"Explorer   {base}/")
    typer.echo("\nThree questions to paste into the explorer (it has them in its tabs):")
    for each in shown[:3]:
        typer.echo(f"\n# {each.about}\n{each.query}# variables\n{each.variables_text()}")


def _serve(run: Callable[[], None]) -> None:
    """Serve until a signal: asked to stop, stopping is success, also before the server is up."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        run()
    except OSError as error:
        raise SettingsInvalid(f"cannot listen there: {error.strerror or error}.") from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _run_query(settings: Settings, operation: Operation) -> str:
    gateway = create_gateway(settings)
    try:
        return (await gateway.answer(operation, "command-line")).decode()
    finally:
        await gateway.close()


async def _explain(
    settings: Settings, operation: Operation
) -> tuple[Forecast | None, dict[str, Any], Explained]:
    gateway = create_gateway(settings)
    try:
        forecast, answer = await gateway.explain(operation, "command-line")
        return forecast, answer, Explained(gateway.sessions.engine, operation)
    finally:
        await gateway.close()


async def _check(settings: Settings) -> list[Finding]:
    wired = wire(settings)
    try:
        return await check_upstreams(wired.sources, settings.action_management.hubs or ())
    finally:
        await wired.close()


def _console() -> "Console":
    """Return what can colour, for those who look at a terminal."""
    from rich.console import Console  # noqa: PLC0415  see above

    return Console(soft_wrap=True, highlight=False)


def _warn_of_unknown() -> None:
    for name in unknown_variables(os.environ):
        typer.echo(f"casegraph: {name} is not a setting of this version; ignored.", err=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"{path}: cannot be read ({type(error).__name__}).") from None


def _shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
