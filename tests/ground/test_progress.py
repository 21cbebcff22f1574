"""How far a stage is, as it is told: lines in a log, nothing where that is asked, one estimate for all stages."""

from __future__ import annotations

import sys

import pytest

from genret.ground import progress as module
from genret.ground.progress import NORMAL, QUIET, VERBOSE, Whole, duration, expecting, progress, set_level


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test moves."""
    now = [0.0]
    monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    set_level(NORMAL)
    return now


def run(now: list[float], steps: int = 100, seconds: float = 1.0) -> None:
    with progress("tokenizer", steps) as bar:
        for step in range(steps):
            now[0] += seconds
            bar.note({"loss": 0.5})
            bar.at(step + 1)


def test_a_log_gets_whole_lines_now_and_then(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    assert not sys.stderr.isatty()
    run(clock)
    told = capsys.readouterr()
    assert told.out == ""
    assert "\r" not in told.err
    assert told.err.splitlines()[0] == "tokenizer 10/100  10%  2 min left"
    assert [line.split()[1] for line in told.err.splitlines()] == ["10/100", "40/100", "70/100", "100/100"]


@pytest.mark.parametrize(("level", "lines"), [(QUIET, 0), (NORMAL, 4), (VERBOSE, 10)])
def test_more_or_less_is_told(level: int, lines: int, clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    set_level(level)
    run(clock)
    err = capsys.readouterr().err
    assert len(err.splitlines()) == lines
    assert ("loss 0.5" in err) == (level == VERBOSE)


def test_nothing_is_told_of_what_is_quick_or_not_shown(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    run(clock, 5)
    with progress("embed", 2, shown=False) as bar:
        clock[0] += 100
        bar.advance()
    assert capsys.readouterr().err == ""


def test_what_is_left_of_all_stages_follows_the_pace_so_far(clock: list[float]) -> None:
    whole = Whole({"embed": 10, "tokenizer": 20, "train": 40})
    assert whole.left("embed", 0.0) is None
    clock[0] = 10.0  # half of the first stage took twice what it should have
    assert whole.left("embed", 0.5) == pytest.approx(10 + 2 * 60)
    clock[0] = 20.0
    whole.left("tokenizer", 0.0)
    clock[0] = 40.0
    assert whole.left("tokenizer", 0.5) == pytest.approx(20 + 2 * 40)
    assert whole.left("something else", 0.5) is None


def test_lines_say_what_is_left_in_all(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with expecting({"tokenizer": 10, "train": 10}):
        run(clock, 50)
    assert capsys.readouterr().err.splitlines()[0] == "tokenizer 10/50  20%  40 s left, about 2 min in all"


def test_durations() -> None:
    assert [duration(s) for s in (0.4, 89, 125, 4800, 7260)] == ["0 s", "89 s", "2 min", "80 min", "2 h 1 min"]
