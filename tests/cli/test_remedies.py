"""What a message tells the user to pass or to run is there: in the very command that shows the message."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from remedies import COMMAND, foreign, options_of

from genret.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2] / "genret"
QUOTED = re.compile(r"`genret ([a-z]+)")
FILES = ("data", "build", "put", "eval")
"""Commands that read the user's tables."""
MAKES = ("data", "build")
SHOWN_BY: dict[str, tuple[str, ...]] = {
    "data/lines.py": FILES,
    "data/rows.py": FILES,
    "data/validate.py": FILES,
    "data/columns.py": FILES,
    "data/values.py": ("data", "build", "put"),
    "data/patches.py": ("put",),
    "data/benchmarks.py": MAKES,
    "data/describe.py": MAKES,
    "index/build.py": ("build", "index"),
    "pipeline/calibrate.py": ("calibrate",),
    "pipeline/distributed/engine.py": ("build",),
    "pipeline/distributed/training.py": ("build",),
    "pipeline/split.py": ("shards",),
    "pipeline/stock.py": ("remove",),
    "server/guard.py": ("serve",),
    "server/process.py": ("serve",),
    "server/routes.py": ("serve",),
    "server/shard_runs.py": ("serve",),
}
"""Which commands show the messages of a file outside the command line; all of them have every option that these name.
A file whose messages differ in this is below, by the option."""
BY_OPTION: dict[tuple[str, str], tuple[str, ...]] = {
    ("pipeline/stages.py", "--out"): MAKES,
    ("pipeline/stages.py", "--force"): MAKES,
    ("pipeline/stages.py", "--changes"): ("build", "index"),
    ("pipeline/summary.py", "--out"): ("data",),  # in the command that it names
    **{("eval/demo.py", option): ("build",) for option in ("--format", "--out", "--set")},  # what it passes on
}


def messages(path: Path) -> Iterator[str]:
    """Every string of a module but docstrings, with an X for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed |= {id(part) for part in node.values}
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.value


OUTSIDE = sorted(path for path in ROOT.rglob("*.py") if path.parent.name != "cli")


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_option_that_a_message_names_is_one_of_the_command_that_shows_it(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    for message in messages(path):
        assert set(QUOTED.findall(message)) <= set(COMMANDS), message
        for option in foreign(message):
            shown_by = BY_OPTION.get((name, option)) or SHOWN_BY.get(name)
            assert shown_by, f"{name} names {option}; say above which commands show it: {message}"
            assert not foreign(option, *shown_by), f"{option} in {message}"


@pytest.mark.parametrize("path", sorted((ROOT / "cli").glob("*.py")), ids=lambda path: path.stem)
def test_a_command_names_its_own_options(path: Path) -> None:
    """In a module of the command line, a message's options are those of a command that is defined in the module."""
    own = [name for name, (place, _) in COMMANDS.items() if place.partition(":")[0] == f"genret.cli.{path.stem}"]
    own = own or list(COMMANDS)  # what they share
    for message in messages(path):
        for option in foreign(message):
            assert any(option in options_of(name) for name in own), f"{option} in {message}"


def test_the_check_would_find_one_that_is_not_there() -> None:
    assert foreign("pass --on-bad-row skip", "search") == {"--on-bad-row"}
    assert foreign("pass --on-bad-row skip", "data", "search") == {"--on-bad-row"}
    assert not foreign("pass --on-bad-row skip", "data", "put")
    assert not foreign("drop them: `genret index RUN --changes drop`", "search")
    assert foreign("drop them: `genret index RUN --change drop`", "search") == {"--change"}
    assert COMMAND.findall("make one with `genret bild`") == [("bild", "")]
