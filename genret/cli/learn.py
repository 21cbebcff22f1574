"""`genret train --continue` and `--revert`: a run learns on from a newer query log, or takes that back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genret.cli.options import Layers
from genret.ground.errors import GenretError, require_extras
from genret.pipeline.folder import RunFolder

if TYPE_CHECKING:
    from genret.data.sources import Attached

LEARNING = ("queries", "judgements", "format_name", "replay", "adopt")
"""Options of `--continue`, without use elsewhere."""


def learning_options(command: Any) -> Any:
    """`--continue` and what belongs to it."""
    path = click.Path(path_type=Path)
    for option in (
        click.option("--revert", is_flag=True, help="Put the model before the present one back, and that one aside."),
        click.option(
            "--adopt",
            type=click.Choice(("better", "always", "never")),
            help="When the newer model is searched: where it is better (the default), always, or never.",
        ),
        click.option("--replay", type=float, help="Share of the practice that is what was practised before; .5."),
        click.option("--format", "format_name", help="How the judgements are written: csv, jsonl, trec, esci ..."),
        click.option("--queries", type=path, help="Of --continue: the queries' texts, where the judgements lack them."),
        click.option("--judgements", type=path, help="Of --continue: the newer log, query, product_id, grade."),
        click.option("--continue", "go_on", is_flag=True, help="Learn on from a newer log; taken where it is better."),
    ):
        command = option(command)
    return command


def check_learning(options: Mapping[str, Any], encoder: str | None) -> None:
    """A GenretError for options that contradict each other, or would change nothing."""
    if options["go_on"] and options["revert"]:
        raise GenretError("--continue trains a newer model and --revert puts the one before back; give one of them")
    if not options["go_on"] and (useless := [name for name in LEARNING if options[name] is not None]):
        name = "format" if useless[0] == "format_name" else useless[0]
        raise GenretError(f"--{name} says what to learn on from; it belongs to --continue")
    if options["go_on"] and options["judgements"] is None:
        raise GenretError("--continue learns on from a newer log; give it with --judgements FILE")
    if encoder and (options["go_on"] or options["revert"]):
        raise GenretError("--encoder is for a training from the start; leave it out")


def revert(run: Path) -> dict[str, Any]:
    """Change RUN/model and the one before it back; what is searched now."""
    from genret.pipeline.learn_on import revert as take_back

    made = take_back(RunFolder.existing(run))
    click.echo(f"{'train':9s} the model before is back  ({made.path}, {made.fingerprint[:12]})")
    return {"train": {"path": str(made.path), "fingerprint": made.fingerprint}}


def learn_on(run: Path, layers: Layers, flags: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Train a candidate on the newer log, judge it on both logs, and take it or leave it; what was found."""
    from genret.eval.result import Grading
    from genret.eval.studies.continued import hold_out, judge_candidate
    from genret.pipeline.learn_on import adopt, candidate, first_settings
    from genret.training.settings import TrainSettings

    require_extras("train")
    folder, how = RunFolder.existing(run), options["adopt"] or "better"
    first = first_settings(folder)
    defaults = {name: getattr(first, name) for name in TrainSettings.__dataclass_fields__}
    settings = layers.make(TrainSettings, "train", flags, defaults)
    newer = _newer(folder, options)
    grading = Grading(newer.judgements, newer.relevant_at, newer.irrelevant_grade)
    held = hold_out(newer.queries, grading, 0.5 if options["replay"] is None else options["replay"], newer.splits)
    made, reused = candidate(folder, held.learned, settings)
    state = "up to date, reused" if reused else f"learned from {len(held.learned.queries):,} queries"
    click.echo(f"{'train':9s} {state}  ({made.path}, {made.fingerprint[:12]})", err=True)
    verdict = judge_candidate(folder, held)
    take = how == "always" or (how == "better" and verdict.take)
    if take:
        adopt(folder)
    click.echo(verdict.markdown())
    click.echo(f"\n{_said(run, verdict.reason, take, how)}")
    return {**verdict.to_json(), "taken": take}


def _said(run: Path, reason: str, taken: bool, how: str) -> str:
    if taken:
        forced = " (--adopt always)" if how == "always" else ""
        return f"taken{forced}: {reason}\nthe one before: genret train {run} --revert"
    return f"left{' (--adopt never)' if how == 'never' else ''}: {reason}; {run} is searched with the model it had"


def _newer(run: RunFolder, options: Mapping[str, Any]) -> Attached:
    """The newer log's queries and judgements; what of it is left out is said."""
    from genret.data import attach_judgements

    found = attach_judgements(run.dataset(), options["judgements"], options["format_name"], queries=options["queries"])
    left_out = found.unknown_products + found.unknown_queries
    if left_out:
        click.echo(f"{options['judgements']}: {left_out} judgements left out: unknown products or queries", err=True)
    return found
