"""Which options a message names, and which of them the command that shows it does not have."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

import click

from genret.cli import cli

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
COMMAND = re.compile(r"\bgenret ([a-z]+)\b([^`']*)")
OTHERS = {"--nproc", "--standalone", "--head", "--help", "--version"}
"""Options of other programs, and of every command."""


@functools.cache
def options_of(name: str) -> frozenset[str]:
    """The options of a command of the command line; of a group, those of its commands too."""
    with click.Context(cli) as context:
        command = cli.get_command(context, name)
        assert command is not None, name
        return frozenset(flag for one in _with_own(command) for flag in _flags(one))


def foreign(message: str, *commands: str) -> set[str]:
    """The options in a message that one of the commands that show it lacks.

    Those in a command line that the message spells out (`genret index RUN --changes drop`) are that command's.
    """
    named = {option for name, rest in COMMAND.findall(message) for option in OPTION.findall(rest) if _has(name, option)}
    asked = set(OPTION.findall(message)) - named - OTHERS
    return {option for option in asked if not commands or not all(option in options_of(one) for one in commands)}


def _has(name: str, option: str) -> bool:
    with click.Context(cli) as context:
        return name in cli.list_commands(context) and option in options_of(name)


def _with_own(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                yield from _with_own(below)


def _flags(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
