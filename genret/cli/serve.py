"""`genret serve`: a run over HTTP, with the explorer at /. Parses flags, says where it listens."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from genret.ground.errors import GenretError, require
from genret.server.settings import CHANGE_TOKEN, TOKEN, Access, Batching, Limits, ServeSettings, tokens

LIMITS = "The bounds of a request, as NAME=VALUE: " + ", ".join(f"{f.name}={f.default}" for f in fields(Limits)) + "."
QUEUE = "How queries are batched, as NAME=VALUE: " + ", ".join(f"{f.name}={f.default}" for f in fields(Batching)) + "."


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--compare", multiple=True, type=click.Path(path_type=Path), help="Another run, to compare. Repeatable.")
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 lets other machines in.")
@click.option("--port", default=8000, show_default=True, help="0 takes any that is free.")
@click.option("--workers", default=1, show_default=True, help="Processes; each loads the model, arrays are shared.")
@click.option("--device", default="cpu", show_default=True, help="The torch device of the model.")
@click.option("--changes", is_flag=True, help="Let products be put, patched and deleted.")
@click.option("--shard", is_flag=True, help="RUN is a shard: answer a coordinator as well.")
@click.option("--at", multiple=True, metavar="NAME=URL", help="RUN holds shards, this one is served there. Repeatable.")
@click.option(
    "--when-down",
    type=click.Choice(("error", "partial")),
    default="error",
    show_default=True,
    help="A search that needs a shard which does not answer: an error, or an answer that says what it lacks.",
)
@click.option("--allow-host", "hosts", multiple=True, help="Another name that the server is called by. Repeatable.")
@click.option("--allow-origin", "origins", multiple=True, help="A web origin whose pages may call it. Repeatable.")
@click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help=LIMITS)
@click.option("--queue", "queue", multiple=True, metavar="NAME=VALUE", help=QUEUE)
@click.option(
    "--reload-seconds", default=2.0, show_default=True, help="How often to look for newer artifacts; 0: never."
)
@click.option("--drain-seconds", default=1.0, show_default=True, help="How long to go on answering after SIGTERM.")
def serve(
    run: Path,
    compare: tuple[Path, ...],
    changes: bool,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    limits: tuple[str, ...],
    queue: tuple[str, ...],
    **options: Any,
) -> None:
    """Serve RUN over HTTP: search at /v1/search, the beam explorer at /.

    With the environment variable GENRET_TOKEN set, every route asks for it as a bearer token; GENRET_CHANGE_TOKEN is
    the one for changes. Listens to this machine only, unless --host says otherwise. SIGTERM answers what was accepted,
    then ends.

    Where RUN is what `genret shards` wrote, and --at says of each of its shards where it is served (with --shard),
    this is their coordinator: it answers as the whole run would. GENRET_SHARD_TOKEN is the token that it shows them.
    """
    require("uvicorn", "serve")
    require("fastapi", "serve")
    require("prometheus_client", "serve")
    require("httpx", "serve")
    from genret.server.process import serve as run_server

    secret = tokens(os.environ)
    access = Access(secret[TOKEN], secret[CHANGE_TOKEN], changes, hosts, origins)
    settings = ServeSettings(
        runs=(run, *compare),
        limits=Limits(**_values(limits, Limits, "--limit")),
        batching=Batching(**_values(queue, Batching, "--queue")),
        access=access,
        **options,
    )
    run_server(settings, lambda port: click.echo(_greeting(settings, port)))


def _greeting(settings: ServeSettings, port: int) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    guarded = f"token from {TOKEN}" if settings.access.token else "no token"
    changing = f"changes with {CHANGE_TOKEN}" if settings.access.change_token else "changes"
    return f"http://{host}:{port}/  ({guarded}, {changing if settings.access.changes else 'no changes'})"


def _values(pairs: tuple[str, ...], kind: type[Any], flag: str) -> dict[str, Any]:
    """`NAME=VALUE` pairs as fields of a settings dataclass."""
    known: dict[str, Any] = {field.name: type(field.default) for field in fields(kind)}
    found: dict[str, Any] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if name not in known:
            raise GenretError(f"{flag} {pair}: no setting {name!r}; known: {', '.join(known)}")
        try:
            found[name] = known[name](text)
        except ValueError:
            raise GenretError(f"{flag} {pair}: expected a number") from None
    return found
