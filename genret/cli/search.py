"""`genret search`: queries in, products out, as a table, JSON lines, or the beam drawn as a tree."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genret.cli.options import ENCODING_REMEDY, device_option
from genret.ground.errors import GenretError
from genret.ground.text_files import read_lines

if TYPE_CHECKING:
    from rich.tree import Tree

    from genret.ground.types import SearchResult
    from genret.pipeline.explain import BeamNode


@click.command()
@click.argument("queries", nargs=-1)
@click.option("--run", default="runs/demo", show_default=True, type=click.Path(path_type=Path), help="The run folder.")
@click.option("-k", "k", default=10, show_default=True, help="Products a query.")
@click.option("--beam-width", type=int, help="Prefixes kept a level. Default: the run's own, 50 unless it says more.")
@click.option("--exact", is_flag=True, help="Widen the search until the top k is proven.")
@click.option("--where", help="Only products that meet a condition: 'price < 5 and brand = \"Acme\"'.")
@click.option("--max-per-prefix", type=int, help="At most so many hits that share L1-L2.")
@click.option("--rescore", is_flag=True, help="Order the beam's products by their embeddings.")
@click.option("--explain", is_flag=True, help="Draw the beam as a tree.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a query, for machines.")
@click.option("--queries-file", type=click.Path(path_type=Path), help="One query a line, after those given.")
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

    Scores are log-probabilities in nats; "proven" says that the top k is what scoring every product would give.
    """
    texts = [*queries, *(read_lines(queries_file, encoding, ENCODING_REMEDY) if queries_file else ())]
    if not texts:
        raise GenretError('no query given; try: genret search "marinara sauce"')
    if explain and (len(texts) > 1 or any(options[name] for name in ("exact", "max_per_prefix", "rescore"))):
        raise GenretError(
            "--explain draws one plain search; give one query and no --exact, --rescore, --max-per-prefix"
        )
    from genret.pipeline.retriever import Retriever

    retriever = Retriever.load(run)
    if explain:
        from genret.pipeline.explain import beam_tree

        result, trace = retriever.explain(texts[0], k, beam_width=beam_width, where=options["where"])
        tree = beam_tree(trace, retriever.index, width=k)
        click.echo(_json(result, tree) if as_json else "", nl=as_json)
        if not as_json:
            _print(draw_tree(tree, texts[0]), _table(result))
        return
    results = retriever.search(
        texts, k, beam_width=beam_width, errors="return" if len(texts) > 1 else "raise", **options
    )
    for result in results:
        if as_json:
            click.echo(_json(result))
        elif result.error is None:
            _print(_table(result))
    _tell_errors([result.error for result in results if result.error is not None], len(texts))


def _tell_errors(errors: Sequence[str], queries: int) -> None:
    """A line on stderr for each query that could not be searched, and a GenretError that counts them."""
    for error in errors:
        click.echo(f"genret: {error}", err=True)
    if errors:
        raise GenretError(f"{len(errors)} of {queries} queries could not be searched; correct them, or leave them out")


def draw_tree(node: BeamNode, query: str) -> Tree:
    """The beam as a rich tree: kept prefixes, then the best of those that were pruned beside them."""
    from rich.tree import Tree

    tree = Tree(f"[bold]{_safe(query)}[/]  {node.products:,} products")
    _grow(tree, node)
    return tree


def _grow(tree: Tree, node: BeamNode) -> None:
    for child in node.children:
        code = f"[bold cyan]L{len(child.prefix)} {child.prefix[-1]}[/]"
        count = f"{child.products:,} product{'s' * (child.products != 1)}"
        _grow(tree.add(f"{code}  [green]{child.score:.2f}[/]  {count}  {_safe(child.label)}"), child)
    for prefix, score, products in node.pruned:
        tree.add(f"[dim]L{len(prefix)} {prefix[-1]}  {score:.2f}  {products:,} products  pruned[/]")


def _table(result: SearchResult) -> Any:
    from rich.table import Table

    proven = "proven exact" if result.exact else "not proven exact"
    table = Table(title=f"{_safe(result.query)}  ({len(result.hits)} products, {proven})", title_justify="left")
    for name, justify in (
        ("#", "right"),
        ("score", "right"),
        ("semantic ID", "left"),
        ("id", "left"),
        ("product", "left"),
    ):
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    for hit in result.hits:
        spelled = "-".join(map(str, hit.semantic_id))
        brand = f" [dim]{_safe(hit.product.brand)}[/]" if hit.product.brand else ""
        table.add_row(str(hit.rank), f"{hit.score:.2f}", spelled, hit.product.id, _safe(hit.product.title) + brand)
    return table


def _json(result: SearchResult, tree: BeamNode | None = None) -> str:
    from genret.pipeline.explain import tree_json

    extra = {} if tree is None else {"beam": tree_json(tree)}
    found = json.dumps({**result.to_dict(), **extra}, ensure_ascii=False)
    return found.encode("utf-8", "backslashreplace").decode()


def _print(*renderables: Any) -> None:
    import shutil

    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else max(120, shutil.get_terminal_size().columns))
    for renderable in renderables:
        console.print(renderable)


def _safe(text: str) -> str:
    """`text` with nothing in it that rich would take for markup."""
    return text.replace("[", "\\[")
