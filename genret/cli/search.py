"""`genret search`: queries in, products out, as a table, JSON lines, or the beam drawn as a tree."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genret.cli.hits import counted, hit_table, safe
from genret.cli.options import ENCODING_REMEDY, device_option
from genret.cli.terminal import json_text
from genret.ground.errors import GenretError
from genret.ground.text_files import read_lines

if TYPE_CHECKING:
    from rich.tree import Tree

    from genret.ground.types import SearchResult
    from genret.pipeline.explain import BeamNode


class SearchCommand(click.Command):
    """A command whose `--rescore` may stand alone, whatever follows it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--rescore` without a number after it is `--rescore 0`: the cosine alone."""
        given: list[str] = []
        for place, arg in enumerate(args):
            given.append(arg)
            if arg == "--rescore" and not _is_number(args[place + 1 : place + 2]):
                given.append("0")
        return super().parse_args(ctx, given)


@click.command(cls=SearchCommand)
@click.argument("queries", nargs=-1)
@click.option("--run", default="runs/demo", show_default=True, type=click.Path(path_type=Path), help="The run folder.")
@click.option("-k", "k", default=10, show_default=True, help="Products per query.")
@click.option("--beam-width", type=int, help="Prefixes kept per level. Default: the run's own, 50 unless it says more.")
@click.option("--exact", is_flag=True, help="Widen the search until the top k is certified.")
@click.option("--where", help="Only products that meet a condition: 'price < 5 and brand = \"Acme\"'.")
@click.option("--max-per-prefix", type=int, help="At most so many hits that share L1-L2.")
@click.option(
    "--rescore",
    type=float,
    metavar="[WEIGHT]",
    help="Order the beam's products by their embeddings' cosine, or by cosine + WEIGHT * log-probability.",
)
@click.option(
    "--hybrid/--no-hybrid",
    default=None,
    help="One list of the beam's and BM25's products, scored by both. Default: where the run had no query log.",
)
@click.option(
    "--by",
    type=click.Choice(("beam", "dense", "bm25")),
    default="beam",
    show_default=True,
    help="What finds products: the beam, exact nearest neighbours, or BM25.",
)
@click.option("--min-confidence", type=float, help="Leave out hits less likely than this to be relevant, from 0 to 1.")
@click.option("--spell/--no-spell", default=True, show_default=True, help="Read unknown words as known ones nearby.")
@click.option("--columns", metavar="NAME,...", help="Of the table: fields and attributes. Default: what tells most.")
@click.option("--explain", is_flag=True, help="Draw the beam as a tree.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per query, for machines.")
@click.option("--queries-file", type=click.Path(path_type=Path), help="One query per line; - is stdin.")
@click.option("--encoding", help="Of the queries' file. Default: UTF-8, or UTF-16 by its mark.")
@device_option
def search(
    queries: tuple[str, ...],
    run: Path,
    k: int,
    beam_width: int | None,
    explain: bool,
    as_json: bool,
    queries_file: Path | None,
    encoding: str | None,
    **options: Any,
) -> None:
    """Search RUN for QUERIES: products that exist, best first.

    Scores are log-probabilities in nats, unless an option says otherwise; "certified" says that the model scores no
    product higher.
    """
    shown = tuple(part.strip() for part in (options.pop("columns") or "").split(",") if part.strip())
    texts = _texts(queries, queries_file, encoding)
    if options["rescore"] is None:
        options["rescore"] = False
    others = options["rescore"] is not False or options["by"] != "beam"
    if explain and (len(texts) > 1 or others or any(options[name] for name in ("exact", "max_per_prefix", "hybrid"))):
        raise GenretError(
            "--explain draws one plain search; give one query and no --exact, --rescore, --hybrid, --by, "
            "--max-per-prefix"
        )
    from genret.pipeline.retriever import Retriever

    retriever = Retriever.load(run)
    if explain:
        from genret.pipeline.explain import beam_tree

        result, trace = retriever.explain(texts[0], k, beam_width=beam_width, where=options["where"])
        tree = beam_tree(trace, retriever.index, width=k)
        click.echo(_json(result, tree) if as_json else "", nl=as_json)
        if not as_json:
            _print(draw_tree(tree, texts[0]), hit_table(result, shown))
        return
    results = retriever.search(
        texts, k, beam_width=beam_width, errors="return" if len(texts) > 1 else "raise", **options
    )
    for result in results:
        if as_json:
            click.echo(_json(result))
        elif result.error is None:
            _print(hit_table(result, shown))
    _tell_errors([result.error for result in results if result.error is not None], len(texts))


def _texts(queries: Sequence[str], file: Path | None, encoding: str | None) -> list[str]:
    texts = [*queries, *(read_lines(file, encoding, ENCODING_REMEDY) if file else ())]
    if not texts:
        raise GenretError('no query given; try: genret search "marinara sauce"')
    if _is_run(texts[0]):
        raise GenretError(f"{texts[0]}: a run folder, read as a query; give it as --run {texts[0]}")
    return texts


def _tell_errors(errors: Sequence[str], queries: int) -> None:
    """A line on stderr for each query that could not be searched, and a GenretError that counts them."""
    for error in errors:
        click.echo(f"genret: {error}", err=True)
    if errors:
        raise GenretError(f"{len(errors)} of {queries} queries could not be searched; correct them, or leave them out")


def draw_tree(node: BeamNode, query: str) -> Tree:
    """The beam as a rich tree: kept prefixes, then the best of those that were pruned beside them."""
    from rich.tree import Tree

    tree = Tree(f"[bold]{safe(query)}[/]  {counted(node.products)}")
    _grow(tree, node)
    return tree


def _grow(tree: Tree, node: BeamNode) -> None:
    for child in node.children:
        code = f"[bold cyan]L{len(child.prefix)} {child.prefix[-1]}[/]"
        count = counted(child.products)
        _grow(tree.add(f"{code}  [green]{child.score:.2f}[/]  {count}  {safe(child.label)}"), child)
    for prefix, score, products in node.pruned:
        tree.add(f"[dim]L{len(prefix)} {prefix[-1]}  {score:.2f}  {counted(products)}  pruned[/]")


def _json(result: SearchResult, tree: BeamNode | None = None) -> str:
    from genret.pipeline.explain import tree_json

    extra = {} if tree is None else {"beam": tree_json(tree)}
    return json_text({**result.to_dict(), **extra})


def _print(*renderables: Any) -> None:
    import shutil

    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else max(120, shutil.get_terminal_size().columns))
    for renderable in renderables:
        console.print(renderable)


def _is_run(text: str) -> bool:
    with suppress(OSError, ValueError):  # too long, or no name at all
        return (Path(text) / "index").is_dir()
    return False


def _is_number(texts: list[str]) -> bool:
    try:
        return bool(texts) and float(texts[0]) >= 0
    except ValueError:
        return False
