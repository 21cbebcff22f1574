"""Seconds spent in named stages: `with timing() as seconds:` around code that says `with timed("encode"):`.

Costs nothing worth measuring where nobody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from time import perf_counter

_seconds: ContextVar[dict[str, float] | None] = ContextVar("genret_seconds", default=None)


@contextmanager
def timing() -> Iterator[dict[str, float]]:
    """A table that fills with the seconds of every stage timed inside the block, in this thread of control.

    >>> with timing() as seconds:
    ...     with timed("rank"):
    ...         pass
    >>> list(seconds)
    ['rank']
    """
    seconds: dict[str, float] = {}
    token = _seconds.set(seconds)
    try:
        yield seconds
    finally:
        _seconds.reset(token)


def timed(stage: str) -> AbstractContextManager[None]:
    """Count the block's seconds for `stage`, if somebody is timing."""
    seconds = _seconds.get()
    return _NOBODY if seconds is None else _counted(stage, seconds)


@contextmanager
def _counted(stage: str, seconds: dict[str, float]) -> Iterator[None]:
    started = perf_counter()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + perf_counter() - started


_NOBODY = nullcontext()
