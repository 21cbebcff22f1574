"""What a coordinator serves: shards elsewhere, of one generation at a time, changed for the next when all hold it.

Stands in for `Runs` where a server is given shards. A generation is taken up once every shard that answers has it, and
until then searches go on in the one before, which the shards' servers keep: no answer is of two.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import httpx

from genret.ground.errors import GenretError
from genret.index.shards import Shards, read_shards
from genret.pipeline.shard import ShardDown
from genret.pipeline.sharded import ShardedRetriever, WhenDown, load_head
from genret.server.metrics import Metrics
from genret.server.remote import RemoteShard
from genret.server.runs import Log
from genret.server.settings import SHARD_TOKEN

PATIENCE_SECONDS = 10.0
"""How long a coordinator that starts waits for its shards before it begins without them."""
AT_ONCE = 32
"""Shards asked at once, at most."""
BATCH = 64
"""Queries asked of a shard in one request."""


BEHIND = "behind"


class ShardServed(NamedTuple):
    """Shards of one generation, as they are served."""

    name: str
    folder: Path
    retriever: ShardedRetriever
    version: str
    since: float

    @property
    def generation(self) -> int:
        return self.retriever.about.generation

    def to_json(self) -> dict[str, Any]:
        """What is served, as `views.served_json` says it of a run; and how many shards a search asks."""
        about, share = self.retriever.about, self.retriever.share
        return {
            "name": self.name,
            "generation": self.generation,
            "version": self.version,
            "products": about.products,
            "ids": sum(shard.ids for shard in about.shards),
            "levels": len(about.codebook_sizes),
            "codebook_sizes": list(about.codebook_sizes),
            "beam_width": self.retriever.beam_width,
            "since": round(self.since, 3),
            "shards": len(about.shards),
            "shards_asked": round(share.mean * len(about.shards), 3),
        }


class ShardRuns:
    """The shards of one folder. Loading and polling are called from threads; reading needs no lock."""

    def __init__(self, folder: Path, addresses: Sequence[str], when_down: WhenDown, metrics: Metrics, log: Log) -> None:
        """`addresses`: `NAME=URL`, a shard's name several times where it has replicas."""
        self._folder, self._when_down, self._metrics, self._log = folder, when_down, metrics, log
        self._addresses = _by_name(addresses)
        token = os.environ.get(SHARD_TOKEN)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        timeout = httpx.Timeout(30.0, connect=2.0)
        self._client = httpx.Client(headers=headers, timeout=timeout, trust_env=False)
        self._current: ShardServed | None = None
        self._lock = Lock()

    @property
    def names(self) -> list[str]:
        return [self._folder.resolve().name]

    def get(self, name: str | None = None) -> ShardServed:
        """The shards; a GenretError for another name than theirs."""
        if name not in (None, *self.names):
            raise GenretError(f"run {name!r} is not served here; served: {self.names[0]}")
        assert self._current is not None, "loaded before it is asked"
        return self._current

    def load(self) -> None:
        """Take up the generation of the manifest; wait a while for shards that do not answer yet."""
        made = self._made(read_shards(self._folder))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self._lacking(made.retriever):
            time.sleep(0.2)
        self._current = made
        self._metrics.serving(made.name, made.generation, made.retriever.about.products)

    def poll(self) -> None:
        """Take up the generation of the manifest, if it is another one, and every shard that answers has it."""
        with self._lock:
            about, now = read_shards(self._folder), self.get()
            if version_of(about) == now.version:
                return
            newer = self._made(about)
            behind = [shard for shard, why in self._lacking(newer.retriever).items() if why == BEHIND]
            if behind:
                self._log("generation_waits", {"generation": about.generation, "for": behind})
                return
            self._current = newer
            self._metrics.reloaded("taken")
            self._log("reloaded", {"run": newer.name, "generation": newer.generation})
            self._metrics.serving(newer.name, newer.generation, about.products)

    def _made(self, about: Shards) -> ShardServed:
        names = [one.name for one in about.shards]
        lacking = [name for name in names if name not in self._addresses]
        if lacking or len(names) < len(self._addresses):
            unknown = sorted(set(self._addresses) - set(names))
            what = f"no address of {lacking[0]}" if lacking else f"{unknown[0]} is none of its shards"
            raise GenretError(f"{self._folder}: {what}; give one --at NAME=URL for each of {names[0]} to {names[-1]}")
        shards = [RemoteShard(one.name, one.version, self._addresses[one.name], self._client) for one in about.shards]
        head = load_head(about)
        threads = min(AT_ONCE, len(shards))
        retriever = ShardedRetriever(head, shards, about, self._when_down, threads, BATCH)
        return ShardServed(self.names[0], self._folder, retriever, version_of(about), time.time())

    def _lacking(self, retriever: ShardedRetriever) -> Mapping[str, str]:
        """The shards that do not answer for their version, and why: they hold another one, or nothing is there."""
        lacking = {}
        for shard in retriever.crew.shards:
            assert isinstance(shard, RemoteShard)
            try:
                shard.codes(None)
            except ShardDown:
                lacking[shard.name] = BEHIND if shard.is_behind else "down"
        return lacking


def version_of(about: Shards) -> str:
    """What tells one generation of shards from another."""
    return f"{about.digest[:16]}-{about.generation}"


def _by_name(addresses: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in addresses:
        name, equals, url = one.partition("=")
        if not equals or not name or not url.startswith(("http://", "https://")):
            raise GenretError(f"--at {one}: expected NAME=URL, for example shard-00=http://10.0.0.5:8000")
        found.setdefault(name, []).append(url)
    return found
