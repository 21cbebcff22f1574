"""The command line: parses, calls the core, formats. It imports no torch until a command runs.

Every error that a user can put right is one line on stderr and exit code 2.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from difflib import get_close_matches
from functools import wraps
from importlib import import_module
from typing import Any, NoReturn

import click

from genret import __version__
from genret.cli.terminal import accept_any_text, json_text, open_missing
from genret.ground.errors import GenretError, failed_write
from genret.ground.hardware import prepare_threads
from genret.ground.progress import NORMAL, QUIET, VERBOSE, set_level
from genret.ground.ranks import is_main, rank, world_size

COMMANDS = {
    "demo": ("genret.cli.demo:demo", "The whole story on the embedded grocery catalogue, with a report."),
    "build": ("genret.cli.stages:build", "Your catalogue (and query log) to a retriever: every stage below."),
    "data": ("genret.cli.stages:data", "Read a catalogue, queries and judgements into RUN/data."),
    "embed": ("genret.cli.stages:embed", "Product text to embeddings, RUN/embeddings."),
    "tokenize": ("genret.cli.stages:tokenize", "Embeddings to semantic IDs, RUN/tokenizer."),
    "train": ("genret.cli.stages:train", "Train the model that spells semantic IDs, RUN/model."),
    "index": ("genret.cli.stages:index", "Semantic IDs and products to the prefix trie, RUN/index."),
    "calibrate": ("genret.cli.stock:calibrate", "How likely hits are to be relevant, by judged queries."),
    "search": ("genret.cli.search:search", "Constrained beam search; --explain draws the beam."),
    "put": ("genret.cli.stock:put", "Add or replace products of a run's index while it serves."),
    "remove": ("genret.cli.stock:remove", "Take products out of a run's index while it serves."),
    "compact": ("genret.cli.stock:compact", "Write an index anew with all its changes in it."),
    "shards": ("genret.cli.shards:shards", "Cut a run's index into shards by L1 range, for several machines."),
    "serve": ("genret.cli.serve:serve", "A run over HTTP, with the beam explorer at /."),
    "eval": ("genret.cli.evaluate:evaluate", "Recall, nDCG and MRR beside BM25 and dense; substitutes."),
    "judge": ("genret.cli.judge:judge", "Pool answers into a sheet to grade by hand, and read it back."),
    "compare": ("genret.cli.judge:compare", "Two runs side by side: where their answers differ most."),
    "info": ("genret.cli.about:info", "What a run is made of, its health and the next step."),
    "export": ("genret.cli.about:export", "Products and their semantic IDs as Parquet, CSV or JSONL."),
    "settings": ("genret.cli.about:settings", "Every setting, its default and what it does."),
    "doctor": ("genret.cli.about:doctor", "Versions, extras, hardware, disk, and a self-test in seconds."),
    "tokenizer": ("genret.cli.tokenizer:tokenizer", "Look into a tokenizer: health, audit, tune, bench."),
}


LONGEST = 50
"""Of a mistyped command, so many letters are compared with the commands' names."""
SHARED = {"build", "data", "embed", "tokenize", "train", "index"}
"""Commands whose work the ranks of a `torchrun` share."""


def talkative(command: click.Command) -> click.Command:
    """The command, and those below it, with `-v` and `-q`: how much is told of what is being done."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            talkative(below)
    elif not any("--quiet" in parameter.opts for parameter in command.params):
        said = {QUIET: "Say nothing but results and errors.", VERBOSE: "Say more of how far it is, losses among it."}
        for level, flags in ((QUIET, ["-q", "--quiet"]), (VERBOSE, ["-v", "--verbose"])):
            kind = click.Option(flags, is_flag=True, expose_value=False, callback=_leveller(level), help=said[level])
            command.params.append(kind)
        silent = command.name in NO_VALUE or command.callback is None
        if not silent and not any("--json" in parameter.opts for parameter in command.params):
            assert command.callback is not None
            command.callback = _in_json(command.callback)
            command.params.append(click.Option(["--json", "as_json"], is_flag=True, help=JSON_HELP))
    return command


def _in_json(callback: Callable[..., Any]) -> Callable[..., Any]:
    """The command, whose return value is all that stdout gets where `--json` asks for it."""

    @wraps(callback)
    def run(*args: Any, as_json: bool = False, **options: Any) -> Any:
        if not as_json:
            return callback(*args, **options)
        with redirect_stdout(sys.stderr):
            value = callback(*args, **options)
        click.echo(json_text(value, indent=2))
        return value

    return run


def _leveller(level: int) -> Callable[[click.Context, click.Parameter, bool], None]:
    def decide(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
        if asked:
            set_level(level)

    return decide


NO_VALUE = {"serve", "demo"}
"""Commands that end with no value to print: one serves, one writes a page."""
JSON_HELP = "One JSON value on stdout, for machines; what is said for people goes to stderr."


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that `genret --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if world_size() > 1 and cmd_name not in SHARED:
            raise GenretError(f"genret {cmd_name} is for one process; torchrun is for {', '.join(sorted(SHARED))}")
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        return talkative(getattr(import_module(module), name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; a mistyped one is told with what it is near to."""
        name = args[0]
        if name not in COMMANDS and name[:1] != "-" and not ctx.resilient_parsing:
            near = get_close_matches(name[:LONGEST], COMMANDS)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(f"No such command {name!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="genret")
def cli() -> None:
    """Generative product retrieval: spell products instead of scoring them.

    A run folder holds every artifact: data, embeddings, tokenizer, model, index. Start with `genret demo`, or with
    `genret build products.parquet --out runs/mine`.
    """
    set_level(NORMAL if is_main() else QUIET)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 if all went well, 2 for what the user can put right, 130 if interrupted."""
    colour = False if os.environ.get("NO_COLOR") else None
    open_missing()
    accept_any_text()
    try:
        prepare_threads()
        if not is_main():
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # one rank speaks, to the end
        given = None if arguments is None else list(arguments)
        code = cli.main(given, prog_name="genret", standalone_mode=False, color=colour)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except GenretError as error:
        _fail(str(error))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "", err=True)
        sys.exit(2)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (try: {context.command_path} --help)" if context else ""
        _fail(" ".join(error.format_message().split()) + hint)
    except (click.Abort, KeyboardInterrupt):
        click.echo("genret: interrupted; run the same command again to go on from there", err=True)
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        full = failed_write(error)
        _fail(f"{error.filename or 'file system'}: {full + ROOM if full else error.strerror or error}")
    except Exception as error:
        full = failed_write(error)
        if full is None:
            raise
        _fail(f"{full}{ROOM}")


ROOM = "; make room, then run the same command again to go on from there"


def _fail(message: str) -> NoReturn:
    speaker = "genret" if is_main() else f"genret (rank {rank()})"
    click.echo(f"{speaker}: error: {message}", err=True)
    sys.exit(2)
