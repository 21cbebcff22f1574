"""Write the pages that are made from the code and from the results files: settings, command line, benchmarks, explorer.

    python docs/generate.py

`make docs` calls it before it builds the site, and before that has the browser tests write the explorer's pictures into
`docs/images`. What is generated is not kept in git, so it cannot go stale; without pictures the pages stand in words.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from genret.cli import COMMANDS, cli
from genret.cli.about import SETTINGS
from genret.ground.described import described

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
RESULTS = {
    "grocery-test": ROOT / "eval/results/grocery-test/results.md",
    "homedepot-dev": ROOT / "eval/results/homedepot-dev/results.md",
    "chorus-test": ROOT / "eval/results/chorus-test/results.md",
    "training": ROOT / "eval/results/training/demo-test/training.md",
    "training-homedepot": ROOT / "eval/results/training/homedepot-dev/training.md",
    "serving": ROOT / "eval/results/serving/serving.md",
    "soak": ROOT / "eval/results/soak/serving.md",
    "explorer": ROOT / "eval/results/explorer/explorer.md",
    "changes": ROOT / "eval/results/changes/changes.md",
    "speed": ROOT / "eval/results/speed/speed.md",
    "exactness": ROOT / "eval/results/exactness/demo/exactness.md",
    "scale": ROOT / "eval/results/scale/scale.md",
    "scale-million": ROOT / "eval/results/scale-million/scale.md",
    "scale-towers": ROOT / "eval/results/scale-towers/scale.md",
    "scale-vectors": ROOT / "eval/results/scale-vectors/scale.md",
    "gpu": ROOT / "eval/results/gpu/gpu.md",
    "sharding": ROOT / "eval/results/sharding/sharding.md",
    "scale-plan": ROOT / "eval/results/scale/plan.md",
    "lambda": ROOT / "tokenizer/results/grocery-towers/report.md",
    "lambda-dial": ROOT / "tokenizer/results/grocery-dial/report.md",
    "lambda-lsa": ROOT / "tokenizer/results/grocery/report.md",
}
"""Page below benchmarks/ -> the results file that it is."""

PICTURES = DOCS / "images"
VIEWS = {
    "search": "Type, and the beam unfolds from left to right: a branch is as wide as its probability, a pill holds a "
    "code and the number of products below it, dashed branches were pruned. Above it stands the certificate, below it "
    "the products, their codes coloured where they share a prefix. Point at a prefix, or walk there by the arrow keys, "
    "to read what it means.",
    "filter": "A filter works inside the beam: branches that lead to no allowed product are greyed, and the number "
    "below a prefix counts allowed products only.",
    "why-not": "**Why not this product?** takes a product's id and says at which level it left the beam, and by how "
    "many nats.",
    "compare": "**Compare** puts a second run or another system beside the first (`genret serve runs/demo --compare "
    "runs/demo/lambda0` for λ = 0.01 against λ = 0; generative, hybrid, BM25, dense). *Mark its substitutes* on a card "
    "marks the product's true substitutes on both sides, where the run's data names them.",
    "dark": "Light and dark follow the system, or the button.",
    "phone": "On a phone the tree keeps its codes and leaves out the titles.",
}
"""What the browser tests take a picture of -> what is to be seen there."""


def explorer_page() -> str:
    """The beam explorer, view by view, with a picture of each that there is."""
    lines = [
        "# The beam explorer",
        "",
        "`genret serve runs/demo` shows it at <http://127.0.0.1:8000/>. The address keeps what is shown; *copy as "
        "curl* and *copy as Python* take a search elsewhere. The page asks no other host for anything.",
    ]
    for name, words in VIEWS.items():
        picture = PICTURES / f"{name}.png"
        lines += ["", f"## {name.replace('-', ' ').capitalize()}", "", words]
        if picture.is_file():
            lines += ["", f"![The explorer: {name.replace('-', ' ')}](../images/{picture.name})"]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Every setting of every section, with its default and meaning."""
    lines = ["# Settings", "", "Set one with `--set SECTION.NAME=VALUE` or in a preset's table `[SECTION]`."]
    for section, place in SETTINGS.items():
        module, _, name = place.partition(":")
        lines += ["", f"## {section}", "", "| setting | type | default | what it does |", "|---|---|---|---|"]
        for row in described(getattr(import_module(module), name)):
            lines.append(f"| `{row.name}` | `{_cell(row.type)}` | `{_cell(str(row.default))}` | {_cell(row.meaning)} |")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """The help of every command, groups included."""
    lines = ["# Command line", "", "An error that you can put right is one line on stderr and exit code 2."]
    context = click.Context(cli, info_name="genret")
    for name in COMMANDS:
        lines += _command(cli.get_command(context, name), f"genret {name}", context)
    return "\n".join(lines) + "\n"


def _command(command: Any, name: str, parent: click.Context) -> list[str]:
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent)
    lines = ["", f"## {name}", "", "```text", command.get_help(context), "```"]
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            lines += _command(command.get_command(context, below), f"{name} {below}", context)
    return lines


def results_page(name: str) -> str:
    """A results file as a page; pictures beside it are copied, links that leave the site become plain text."""
    source = RESULTS[name]
    text = source.read_text(encoding="utf-8")
    for picture in set(re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)):
        target = DOCS / "benchmarks" / f"{name}-{Path(picture).name}"
        target.write_bytes((source.parent / picture).read_bytes())
        text = text.replace(f"({picture})", f"({target.name})")
    text = re.sub(r"(?<!!)\[([^\]]+)\]\((?!http|#)[^)]+\)", r"\1", text)
    where = source.relative_to(ROOT)
    return f"{text.rstrip()}\n\n*Made from `{where}`; `eval/README.md` says how to make it again.*\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    """Write all generated pages."""
    (DOCS / "reference/settings.md").write_text(settings_page(), encoding="utf-8")
    (DOCS / "reference/cli.md").write_text(cli_page(), encoding="utf-8")
    (DOCS / "guides/explorer.md").write_text(explorer_page(), encoding="utf-8")
    for name in RESULTS:
        (DOCS / f"benchmarks/{name}.md").write_text(results_page(name), encoding="utf-8")


if __name__ == "__main__":
    main()
