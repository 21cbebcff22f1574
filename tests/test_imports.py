"""The architecture, held: imports point one way, and the light parts stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "genret"

# A module may import from its own layer and from the layers above it.
LAYERS = [
    {"types", "errors"},
    {"artifacts", "bits", "checkpoint", "settings", "vocab"},
    {"data", "idmap", "level", "overlay", "trie"},
    {"text"},
    {"embed", "filter_text", "filters", "pruning", "pseudo", "ranking", "tokenizer", "towers", "two_tower"},
    {"beam", "exact", "logits", "index", "changes", "live", "snapshot"},
    {"examples", "practice", "prefix", "start", "decoder", "model", "training", "training_settings"},
    {"retriever"},
    {"explain", "pipeline", "stock"},
    {"eval"},
    {"demo"},
    {"cli", "server"},
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
FREE_OF = {"beam": {"data", "embed", "types", "tokenizer"}, "trie": {"data", "types", "embed"}, "tokenizer": {"model"}}


def _modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.name not in {"__main__.py"})


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported_parts(path: Path) -> set[str]:
    """The parts of genret that a file imports, anywhere in it, leaving out imports for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("genret.") and name.split(".")[1] in RANK}


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    part = _part(path)
    if part == "__init__":
        return  # the root exports, loaded on first use
    assert part in RANK, f"{path.name}: give this module a layer in LAYERS"
    upward = {name for name in _imported_parts(path) if RANK[name] > RANK[part]}
    assert not upward, f"{part} imports {upward}, which are built on top of it"
    assert not FREE_OF.get(part, set()) & _imported_parts(path)


@pytest.mark.parametrize(
    "module",
    ["genret", "genret.trie", "genret.vocab", "genret.types", "genret.data", "genret.eval.measures", "genret.cli"],
)
def test_light_modules_import_no_torch(module: str) -> None:
    program = f"import sys, {module}; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


def test_folders_that_run_stages_are_not_packages() -> None:
    """A top-level package `tokenizer` or `eval` would collide with users' own modules."""
    for folder in ("tokenizer", "eval", "notebooks"):
        assert (ROOT / folder / "README.md").is_file()
        assert not (ROOT / folder / "__init__.py").exists()


def test_no_module_is_called_utils() -> None:
    assert not [path for path in _modules() if path.stem in {"utils", "helpers", "misc", "common"}]


def test_nothing_is_pickled() -> None:
    for path in _modules():
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text, path
        assert "weights_only=False" not in text, path
        assert "allow_pickle=True" not in text, path
