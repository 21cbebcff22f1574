"""`genret demo`: the whole story on the embedded catalogue."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import click

from genret.cli.options import Layers, device_option, settings_options
from genret.ground.errors import require_extras
from genret.ground.hardware import describe
from genret.pipeline.folder import RunFolder


@click.command()
@click.option("--out", default="runs/demo", show_default=True, type=click.Path(path_type=Path))
@device_option
@settings_options
def demo(out: Path, layers: Layers) -> None:
    """Build and judge a retriever on the embedded grocery catalogue, for λ = 0.01 and λ = 0; write OUT/report.html.

    About five minutes on two cores. A second run reuses what is finished.
    """
    from genret.data.grocery import GrocerySettings
    from genret.embed.settings import EmbedSettings
    from genret.eval.demo import build_demo, judge_demo
    from genret.training.settings import TrainSettings

    started = perf_counter()

    def say(line: str) -> None:
        click.echo(f"[{perf_counter() - started:5.0f} s] {line}")

    grocery, embedding = layers.make(GrocerySettings, "grocery"), layers.make(EmbedSettings, "embed")
    training = layers.make(TrainSettings, "train")
    require_extras("train", "eval", "report", *(() if embedding.model in ("lsa", "towers") else ("embed",)))
    say(f"hardware    {describe(embedding=embedding.resolved().precision, training=training.precision)}")
    build_demo(out, grocery, embedding, layers.flags, say)
    summary = judge_demo(out, say, lambda: perf_counter() - started)
    click.echo("\n" + (RunFolder(out).eval / "results.md").read_text(encoding="utf-8"))
    for sentence in summary["substitutes"]["verdicts"]:
        click.echo(sentence)
    click.echo(f"\nreport:  {out / 'report.html'}\nsummary: {out / 'summary.json'}\n\nnext:")
    for command in summary["next"]:
        click.echo(f"  {command}")
