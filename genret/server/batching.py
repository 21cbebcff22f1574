"""One bounded queue in front of the model: queries of all requests, put together by what can share a beam.

`await queue.submit(key, texts, deadline)` gives one answer for each text, or raises `Full` or `Late`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from genret.server.settings import Batching

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
KEPT_PACE = 0.8
"""Of the seconds that a query takes, the share of the old estimate in the new one."""
PAUSES = 10
"""How many times `max_wait_ms` a batch waits at most, while queries keep coming."""


class Full(Exception):
    """No room, or none in time: to be asked again after so many seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"try again in {retry_after:.1f} s")
        self.retry_after = retry_after


class Late(Exception):
    """The deadline passed before there was an answer."""


@dataclass(frozen=True)
class Answer(Generic[R]):
    """What came back for one text, and how many seconds it waited to be decoded."""

    value: R
    waited: float
    batch: int
    """Texts that were decoded together."""


class Watcher(Protocol):
    """Told of what happens in the queue: metrics."""

    def depth(self, waiting: int) -> None: ...
    def batch(self, size: int, waited: Sequence[float]) -> None: ...
    def dropped(self, reason: str, count: int) -> None: ...


class NoWatcher:
    """Tells nobody."""

    def depth(self, waiting: int) -> None: ...
    def batch(self, size: int, waited: Sequence[float]) -> None: ...
    def dropped(self, reason: str, count: int) -> None: ...


@dataclass(eq=False)
class _Entry(Generic[K, R]):
    key: K
    text: str
    deadline: float
    arrived: float
    future: asyncio.Future[Answer[R]]


class BatchQueue(Generic[K, R]):
    """Call `start()` in the event loop, `submit` from it, and `stop()` at the end, which answers what still waits."""

    def __init__(self, decode: Callable[[K, list[str]], list[R]], settings: Batching, watcher: Watcher) -> None:
        """`decode` runs in a thread of its own, one call at a time, and gives one result for each text."""
        self._decode, self._settings, self._watcher = decode, settings, watcher
        self._lines: dict[K, deque[_Entry[K, R]]] = {}
        self._waiting = 0
        self._pace = 0.0  # seconds that a query takes
        self._arrived = asyncio.Event()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="genret-model")
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def waiting(self) -> int:
        """Queries that wait to be decoded."""
        return self._waiting

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._serve())

    async def stop(self) -> None:
        """Answer what waits, then end."""
        self._stopping = True
        self._arrived.set()
        if self._task is not None:
            await self._task
        self._executor.shutdown()

    async def submit(self, key: K, texts: Sequence[str], deadline: float) -> list[Answer[R]]:
        """One answer for each text, in order; all are let in or none. `deadline` is a time of the event loop.

        Cancelling the call takes what still waits out of the queue.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._check_room(len(texts), deadline - now)
        entries = [_Entry[K, R](key, text, deadline, now, loop.create_future()) for text in texts]
        self._lines.setdefault(key, deque()).extend(entries)
        self._count(len(entries))
        self._arrived.set()
        try:
            futures = [entry.future for entry in entries]
            _, late = await asyncio.wait(futures, timeout=max(0.0, deadline - loop.time()))
            if late:
                raise Late
            return [future.result() for future in futures]
        except (Late, asyncio.CancelledError) as error:
            self._forget(entries, "late" if isinstance(error, Late) else "gone")
            raise
        finally:
            for entry in entries:
                if entry.future.done() and not entry.future.cancelled():
                    entry.future.exception()  # looked at, so that nobody warns of it

    def _check_room(self, count: int, seconds: float) -> None:
        wait = (self._waiting + count) * self._pace
        if self._waiting + count > self._settings.max_queue or self._stopping or wait > seconds:
            self._watcher.dropped("full", count)
            raise Full(max(wait, 0.1))

    def _forget(self, entries: Sequence[_Entry[K, R]], reason: str) -> None:
        """Take out of the queue what still waits of these."""
        left = 0
        for entry in entries:
            if entry.future.cancel():
                line = self._lines.get(entry.key)
                with suppress(ValueError):
                    if line is not None:
                        line.remove(entry)
                        left += 1
                        if not line:
                            del self._lines[entry.key]
        self._count(-left)
        self._watcher.dropped(reason, len(entries))

    def _count(self, more: int) -> None:
        self._waiting += more
        self._watcher.depth(self._waiting)

    async def _serve(self) -> None:
        while True:
            if not self._lines:
                if self._stopping:
                    return
                self._arrived.clear()
                await self._arrived.wait()
            await self._linger()
            batch = self._take() if self._lines else []
            if batch:
                await self._answer(batch)

    async def _linger(self) -> None:
        """Wait for company while it keeps coming: those who were answered just now ask again, one after the other."""
        loop, pause = asyncio.get_running_loop(), self._settings.max_wait_ms / 1000
        end = loop.time() + PAUSES * pause
        while self._waiting < self._settings.max_batch and not self._stopping and (left := end - loop.time()) > 0:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), min(pause, left))
            except asyncio.TimeoutError:
                return

    def _take(self) -> list[_Entry[K, R]]:
        """The next batch: of the key whose first query has waited longest; what is late is left out."""
        key = min(self._lines, key=lambda one: self._lines[one][0].arrived)
        line, now = self._lines[key], asyncio.get_running_loop().time()
        taken = [line.popleft() for _ in range(min(len(line), self._settings.max_batch))]
        if not line:
            del self._lines[key]
        self._count(-len(taken))
        return [entry for entry in taken if entry.deadline > now and not entry.future.done()]

    async def _answer(self, batch: list[_Entry[K, R]]) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        waited = [started - entry.arrived for entry in batch]
        self._watcher.batch(len(batch), waited)
        texts = [entry.text for entry in batch]
        try:
            results: list[R] = await loop.run_in_executor(self._executor, self._decode, batch[0].key, texts)
        except Exception as error:
            await self._failed(batch, error)
            return
        seconds = (loop.time() - started) / len(batch)
        self._pace = seconds if not self._pace else KEPT_PACE * self._pace + (1 - KEPT_PACE) * seconds
        for entry, result, wait in zip(batch, results, waited, strict=True):
            if not entry.future.done():
                entry.future.set_result(Answer(result, wait, len(batch)))

    async def _failed(self, batch: list[_Entry[K, R]], error: Exception) -> None:
        """One that cannot be answered must not cost the others their answers: each is tried alone."""
        if len(batch) > 1:
            for entry in batch:
                if not entry.future.done():
                    await self._answer([entry])
        elif not batch[0].future.done():
            batch[0].future.set_exception(error)
