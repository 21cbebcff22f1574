"""How far a stage is, told in one way by all of them: a bar on a terminal, a line now and then in a log.

`with progress("tokenizer", 800) as bar: ... bar.at(step)`. Within `expecting(...)`, which knows how long stages take
beside each other, the time left is that of all of them. `set_level(QUIET)` says nothing, `set_level(VERBOSE)` more.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter

from tqdm import tqdm

from genret.ground.stderr import write_line

QUIET, NORMAL, VERBOSE = -1, 0, 1
FIRST_LINE, NEXT_LINE, VERBOSE_LINE = 10.0, 30.0, 10.0
"""Seconds until a log gets its first line on a stage, and between two lines."""

_level: ContextVar[int] = ContextVar("level", default=NORMAL)


def set_level(level: int) -> None:
    """How much is told from now on: QUIET, NORMAL or VERBOSE."""
    _level.set(level)


def quiet() -> bool:
    """Whether nothing but results and errors is to be told."""
    return _level.get() == QUIET


def log(name: str, figures: Mapping[str, float]) -> None:
    """A line of figures, where more is to be told and stderr is a log."""
    if _level.get() == VERBOSE and not sys.stderr.isatty():
        said = ", ".join(f"{what} {value:.5g}" for what, value in figures.items())
        write_line(f"{name:9s} {said}")


class Whole:
    """Stages that follow each other, and what is left of them all, by how fast the finished ones went."""

    def __init__(self, expected: Mapping[str, float]) -> None:
        """`expected`: stage -> seconds, or anything in proportion to them, in the order of the stages."""
        self._expected = dict(expected)
        self._stage, self._since = "", 0.0
        self._taken = self._done = 0.0

    def left(self, stage: str, share: float) -> float | None:
        """Seconds left of all stages when `share` of this one is done; None as long as nothing can be said."""
        now = perf_counter()
        if stage not in self._expected:
            return None
        if stage != self._stage:
            self._taken += now - self._since if self._stage else 0.0
            self._done += self._expected.get(self._stage, 0.0)
            self._stage, self._since = stage, now
        names = list(self._expected)
        later = sum(self._expected[name] for name in names[names.index(stage) + 1 :])
        here, elapsed = self._expected[stage], now - self._since
        if share <= 0.01:
            return None
        pace = (self._taken + elapsed) / (self._done + here * share)
        return elapsed / share * (1 - share) + later * pace


_whole: ContextVar[Whole | None] = ContextVar("whole", default=None)


@contextmanager
def expecting(expected: Mapping[str, float]) -> Iterator[None]:
    """A block of stages, told with the time that is left of all of them: see `Whole`."""
    token = _whole.set(Whole(expected))
    try:
        yield
    finally:
        _whole.reset(token)


class Bar:
    """One stage's progress, as it is shown."""

    def __init__(self, name: str, stage: str, total: int, first: int, shown: bool) -> None:
        self._name, self._stage, self._total, self._place, self._first = name, stage, total, first, first
        self._shown = shown and not quiet()
        self._notes: dict[str, float] = {}
        self._begun = self._told = perf_counter()
        if (whole := _whole.get()) is not None:
            whole.left(self._stage, 0.0)
        self._spoken = False
        tty = self._shown and sys.stderr.isatty()
        self._bar = (
            tqdm(total=total, initial=first, leave=False, bar_format=_FORMAT, desc=f"{name:9s}") if tty else None
        )

    def advance(self, steps: int = 1) -> None:
        """So many steps more are done."""
        self.at(self._place + steps)

    def at(self, place: int) -> None:
        """So many steps are done in all."""
        if self._bar is not None:
            self._bar.set_postfix_str(self._state(), refresh=False)
            self._bar.update(place - self._place)
        self._place = place
        if self._shown and self._bar is None:
            self._line()

    def note(self, figures: Mapping[str, float]) -> None:
        """Figures such as losses, which are shown where more is to be told."""
        self._notes = dict(figures)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _line(self) -> None:
        now, verbose = perf_counter(), _level.get() == VERBOSE
        wait = VERBOSE_LINE if verbose else NEXT_LINE if self._spoken else FIRST_LINE
        if now - self._told >= wait:
            self._told, self._spoken = now, True
            share = f"{self._place:,}/{self._total:,} {self._place / max(self._total, 1):4.0%}"
            write_line(f"{self._name:9s} {share}  {self._state()}".rstrip())

    def _state(self) -> str:
        """What is left, and the figures."""
        fresh = (self._place - self._first) / max(self._total - self._first, 1)
        elapsed, whole = perf_counter() - self._begun, _whole.get()
        own = elapsed / fresh * (1 - fresh) if fresh > 0.01 else None
        every = None if whole is None else whole.left(self._stage, fresh)
        said = [f"{duration(own)} left"] if own is not None else []
        said += [f"about {duration(every)} in all"] if every is not None else []
        if _level.get() == VERBOSE:
            said += [f"{name} {value:.3g}" for name, value in self._notes.items()]
        return ", ".join(said)


_FORMAT = "{desc} {bar:20} {n_fmt}/{total_fmt}{postfix}"


@contextmanager
def progress(name: str, total: int, *, stage: str = "", first: int = 0, shown: bool = True) -> Iterator[Bar]:
    """A block of `total` steps, `first` of them done before, told as it goes on, on stderr.

    stage: that it is part of, if it is not the stage itself.
    """
    bar = Bar(name, stage or name, total, first, shown)
    try:
        yield bar
    finally:
        bar.close()


@contextmanager
def no_library_bars() -> Iterator[None]:
    """A block in which transformers and the hub draw no bars of their own ("Loading weights")."""
    from transformers.utils import logging

    drawn = logging.is_progress_bar_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a user who has turned them off by the environment
        logging.disable_progress_bar()
        try:
            yield
        finally:
            if drawn:
                logging.enable_progress_bar()


def duration(seconds: float) -> str:
    """`45 s`, `3 min`, `1 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
