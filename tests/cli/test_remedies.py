"""What a message tells the user to pass or to run is there: every option and every command that the source names."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from genret.cli import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[2]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
COMMAND = re.compile(r"`genret ([a-z]+)")
OTHERS = {"--nproc", "--standalone", "--head"}
"""Options of other programs."""


def commands(group: click.Group = cli) -> Iterator[click.Command]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield command
            if isinstance(command, click.Group):
                yield from commands(command)


@functools.cache
def options() -> set[str]:
    found = {
        flag
        for command in commands()
        for parameter in command.params
        for flag in (*parameter.opts, *parameter.secondary_opts)
    }
    scripts = "".join(path.read_text() for folder in ("eval", "tokenizer") for path in (ROOT / folder).glob("*.py"))
    return found | set(re.findall(r'option\(\s*"(--[a-z-]+)"', scripts)) | {"--help", "--version"} | OTHERS


def texts(path: Path) -> Iterator[str]:
    """Every string of a module, docstrings included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


SOURCES = sorted((ROOT / "genret").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_option_and_command_that_is_named_exists(path: Path) -> None:
    known = options()
    for text in texts(path):
        assert set(OPTION.findall(text)) <= known, text
        assert set(COMMAND.findall(text)) <= set(COMMANDS), text


def test_the_check_would_find_one_that_is_not_there() -> None:
    assert OPTION.findall("pass --no-such-option to it") == ["--no-such-option"]
    assert "--no-such-option" not in options()
    assert COMMAND.findall("make one with `genret bild`") == ["bild"]
