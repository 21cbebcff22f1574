"""What the routes share: the runs, the queue, the metrics, and whether the server is ready or about to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import time
from typing import Any

from starlette.requests import Request

from genret.server.batching import Answer, BatchQueue, Full, Late
from genret.server.engine import Found, Key, System
from genret.server.guard import Guard
from genret.server.metrics import Metrics
from genret.server.problem import Problem
from genret.server.runs import Runs
from genret.server.settings import ServeSettings
from genret.server.shard_runs import ShardRuns


class Service:
    """One per process."""

    def __init__(
        self,
        settings: ServeSettings,
        metrics: Metrics,
        served: Runs | ShardRuns,
        aside: Mapping[System, BatchQueue[Key, Found]],
        queue: BatchQueue[Key, Found],
        log: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self.settings, self.metrics, self.served, self.queue, self.aside = settings, metrics, served, queue, aside
        self.log = log
        self.started = time()
        self.ready = asyncio.Event()
        self.failure: str | None = None
        """Why the runs could not be loaded."""
        self.guard: Guard | None = None
        self.changing = asyncio.Lock()
        """Held by the one change that is made at a time."""

    @property
    def runs(self) -> Runs:
        """The runs of a server that holds them itself: routes that need them are not a coordinator's."""
        assert isinstance(self.served, Runs), "a coordinator has no such route"
        return self.served

    @property
    def all_queues(self) -> list[BatchQueue[Key, Found]]:
        """The model's own, and the one of what stands beside it, which must not keep the model waiting."""
        return [self.queue, *dict.fromkeys(self.aside.values())]

    @property
    def draining(self) -> bool:
        return self.guard is not None and self.guard.draining

    def drain(self) -> None:
        """Go on answering, but tell everybody to close their connections."""
        if self.guard is not None:
            self.guard.draining = True

    def check_ready(self) -> None:
        """A Problem until every run is loaded and has answered a search."""
        if not self.ready.is_set():
            raise Problem(503, "loading", "the run is being loaded; ask again in a moment", {"retry-after": "1"})

    async def decode(self, request: Request, key: Key, texts: list[str], timeout_ms: int) -> list[Answer[Found]]:
        """One answer for each text, through the queue. A Problem if there is no room, no time, or nobody waits."""
        self.check_ready()
        deadline = asyncio.get_running_loop().time() + timeout_ms / 1000
        asked = asyncio.create_task(self.aside.get(key.system, self.queue).submit(key, texts, deadline))
        gone = asyncio.create_task(_gone(request))
        try:
            await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise Problem(499, "gone", "the client closed the connection")
            return asked.result()
        except Full as full:
            retry = str(max(1, round(full.retry_after)))
            raise Problem(429, "full", "too many queries are waiting", {"retry-after": retry}) from None
        except Late:
            raise Problem(504, "late", f"no answer within timeout_ms={timeout_ms}") from None
        finally:
            asked.cancel()
            gone.cancel()


async def _gone(request: Request) -> None:
    """Returns when the client has closed the connection. The body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
