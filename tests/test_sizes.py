"""Files, functions and signatures stay small enough to be read: the bounds, held."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    path
    for folder in ("genret", "eval", "tokenizer", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if "lexicon" not in path.parts  # the embedded catalogue's words are data
)
LINES_OF_A_FILE, LINES_OF_A_FUNCTION, PARAMETERS = 400, 50, 7
PROTOCOLS = {
    "genret/model/seq2seq.py:GenretConfig.__init__": "transformers passes a saved configuration by name",
    "genret/model/seq2seq.py:GenretForConditionalGeneration.forward": "transformers calls it",
}
"""Whose parameters are given by what calls them. So are those of click's commands."""
KNOBS = {
    "genret/pipeline/searcher.py:Searcher.search": "one call asks all: `search(text, k=5, where=..., hybrid=True)`",
    "genret/data/folders.py:read_files_dataset": "a user's first call: `read_files_dataset(path, columns=...)`",
    "genret/data/products.py:read_catalogue": "the same of products alone",
}
"""Entry points that users type, each option by its name and most of them left out, as in `pandas.read_csv`.

A settings object would be one more import and name in every such call, and say nothing that the keywords do not. Each
makes one of its options at once (`SearchOptions`, `FilesSettings`, `ProductFile`), and hands that on.
"""

Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"


def functions(path: Path) -> Iterator[tuple[str, Function]]:
    """Every function of a file with its name in it, `Class.method`."""

    def walk(node: ast.AST, above: tuple[str, ...]) -> Iterator[tuple[str, Function]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield ".".join((*above, child.name)), child
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            yield from walk(child, (*above, child.name) if named else above)  # type: ignore[attr-defined]

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), ())


def own_lines(function: Function) -> int:
    """Lines of a function, without those of the functions and classes inside it, which are held to the same bound."""
    inner = [
        child for child in function.body if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    return _lines(function) - sum(map(_lines, inner))


def _lines(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def parameters(function: Function) -> int:
    arguments = function.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def by_click(function: Function) -> bool:
    decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
    return any(".command(" in text or ".option(" in text for text in decorators)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_read_in_one_sitting(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES_OF_A_FILE
    for function, node in functions(path):
        assert own_lines(node) <= LINES_OF_A_FUNCTION, f"{name}:{node.lineno} {function}"
        if f"{name}:{function}" not in {*PROTOCOLS, *KNOBS} and not by_click(node):
            assert parameters(node) <= PARAMETERS, f"{name}:{node.lineno} {function}: make a dataclass of them"


def test_every_exemption_is_needed() -> None:
    """An exemption that nothing needs any more goes."""
    for place in (*PROTOCOLS, *KNOBS):
        name, _, function = place.partition(":")
        assert parameters(dict(functions(ROOT / name))[function]) > PARAMETERS, place
