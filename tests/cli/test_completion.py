"""The shell completes commands and options, as the guide says."""

from __future__ import annotations

import pytest
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from genret.cli import cli


@pytest.mark.parametrize("shell", [BashComplete, ZshComplete, FishComplete])
def test_commands_and_options_are_completed(shell: type[ShellComplete]) -> None:
    complete = shell(cli, {}, "genret", "_GENRET_COMPLETE")
    assert {item.value for item in complete.get_completions([], "tok")} == {"tokenize", "tokenizer"}
    assert "--columns" in {item.value for item in complete.get_completions(["search"], "--col")}
