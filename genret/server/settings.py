"""Every choice of the HTTP service: bounds, batching, who may do what, and where it listens. Imports no web framework.

Worker processes get them as JSON in an environment variable, which never holds a token: these have variables of their
own, so that they stand in no process list and no file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from genret.ground.errors import GenretError

VARIABLE = "GENRET_SERVE"
TOKEN, CHANGE_TOKEN, SHARD_TOKEN = "GENRET_TOKEN", "GENRET_CHANGE_TOKEN", "GENRET_SHARD_TOKEN"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _check_positive(settings: Any) -> None:
    for one in fields(settings):
        value = getattr(settings, one.name)
        if not value > 0:
            raise GenretError(f"{type(settings).__name__.lower()}.{one.name}={value!r}: expected more than 0")


@dataclass(frozen=True)
class Limits:
    """What one request may ask for. More is refused at the door, with the limit named."""

    body_bytes: int = 1 << 20
    k: int = 200
    beam_width: int = 400
    query_chars: int = 1000
    queries: int = 100
    where_chars: int = 4000
    products: int = 500
    """Products in one change."""

    def __post_init__(self) -> None:
        _check_positive(self)


@dataclass(frozen=True)
class Batching:
    """How queries of several requests come together into the model."""

    max_queue: int = 256
    """Queries that may wait. A request that finds no room is refused with 429."""
    max_batch: int = 32
    """Queries decoded at once."""
    max_wait_ms: float = 2.0
    """How long a batch waits for the next query; each that comes has it wait anew, up to ten times as long in all."""
    deadline_ms: int = 10_000
    """When a request that names no deadline of its own is given up."""
    max_deadline_ms: int = 60_000

    def __post_init__(self) -> None:
        _check_positive(self)


@dataclass(frozen=True)
class Access:
    """Who may do what. Tokens come from the environment variables GENRET_TOKEN and GENRET_CHANGE_TOKEN."""

    token: str | None = field(default=None, repr=False)
    """Asked of every route but /health, /ready and the explorer's own files, which tell nothing of the run."""
    change_token: str | None = field(default=None, repr=False)
    """Asked of every route that changes something; it opens the others too."""
    changes: bool = False
    """Whether products may be put, patched and deleted, and a generation rolled back."""
    hosts: tuple[str, ...] = ()
    """Names that requests may call the server by, beside its own; on loopback no others are answered."""
    origins: tuple[str, ...] = ()
    """Web origins whose pages may call it."""


@dataclass(frozen=True)
class ServeSettings:
    """A server of one run, or of several to be compared."""

    runs: tuple[Path, ...]
    """The run that is served, and those beside it in the explorer."""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    device: str = "cpu"
    threads: int | None = None
    """Of torch and numpy in each worker; None: the cores shared out among the workers."""
    reload_seconds: float = 2.0
    """How often to look for newer artifacts and for other processes' changes; 0: never."""
    drain_seconds: float = 1.0
    """How long, after SIGTERM, to go on answering while clients are told to close their connections."""
    shard: bool = False
    """Whether it answers a coordinator, as one shard of several."""
    at: tuple[str, ...] = ()
    """`NAME=URL` of the servers of the shards that lie in the run's folder; it then is their coordinator."""
    when_down: Literal["error", "partial"] = "error"
    """What a coordinator makes of a search that needs a shard which does not answer."""
    control: Path | None = None
    """A folder that the workers share; made by the process that starts them."""
    limits: Limits = Limits()
    batching: Batching = Batching()
    access: Access = Access()

    def __post_init__(self) -> None:
        if not self.runs:
            raise GenretError("no run to serve; give a run folder")
        for name, low in (("workers", 1), ("port", 0), ("reload_seconds", 0), ("drain_seconds", 0)):
            if getattr(self, name) < low:
                raise GenretError(f"{name}={getattr(self, name)!r}: expected at least {low}")
        if self.port > 65535:
            raise GenretError(f"port={self.port}: expected at most 65535")
        access = self.access
        if self.at and (self.shard or access.changes or len(self.runs) > 1):
            raise GenretError("a coordinator serves nothing beside its shards, and changes nothing; leave out the rest")
        if access.changes and not access.change_token and not self.is_local:
            raise GenretError(
                f"changes over {self.host} need a token of their own; set the environment variable {CHANGE_TOKEN}"
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK

    def to_json(self) -> str:
        """All but the tokens."""
        bare = replace(self, access=replace(self.access, token=None, change_token=None))
        return json.dumps(asdict(bare), default=str)

    @classmethod
    def from_environment(cls) -> ServeSettings:
        """What `to_json` wrote into GENRET_SERVE, with the tokens from their own variables."""
        table = json.loads(os.environ[VARIABLE])
        access = table.pop("access")
        secret = tokens(os.environ)
        parts: dict[str, Any] = {
            "runs": tuple(map(Path, table.pop("runs"))),
            "at": tuple(table.pop("at")),
            "control": Path(table.pop("control")),
            "limits": Limits(**table.pop("limits")),
            "batching": Batching(**table.pop("batching")),
            "access": Access(
                secret[TOKEN], secret[CHANGE_TOKEN], access["changes"], tuple(access["hosts"]), tuple(access["origins"])
            ),
        }
        return cls(**table, **parts)


def tokens(environment: Mapping[str, str]) -> dict[str, str | None]:
    """The two tokens by their variables, checked: one word of at least 8 printable ASCII characters, or None."""
    found = {name: environment.get(name) or None for name in (TOKEN, CHANGE_TOKEN)}
    for name, value in found.items():
        if value is not None and (len(value) < 8 or not value.isascii() or not value.isprintable() or " " in value):
            raise GenretError(f"{name}: expected one word of at least 8 printable ASCII characters")
    return found
