"""What this machine has, and whether genret works on it: versions, extras, hardware, disk, and a self-test in seconds.

`examine()` returns a `Report`; `genret doctor` prints it.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

from genret import __version__
from genret.ground.errors import GenretError, install_line
from genret.ground.hardware import choose_device, choose_precision, cores, processor, record

CORE = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "pyarrow", "marisa-trie", "scipy")
LEAST_DISK = 2 * 2**30
"""Free bytes under which a build of some 20,000 products may not fit."""


@dataclass
class Report:
    """What was found; `failures` are what keeps genret from working, one line each with its remedy."""

    versions: dict[str, str]
    extras: dict[str, list[str]]
    """Extra -> packages of it that are missing."""
    machine: dict[str, Any]
    self_test: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        return not self.failures

    def to_json(self) -> dict[str, Any]:
        """Plain values, for machines."""
        return {**self.__dict__, "healthy": self.healthy}

    def lines(self) -> list[str]:
        """The report for people, one fact per line."""
        lines = [f"{name:<18} {number}" for name, number in self.versions.items()]
        for extra, missing in self.extras.items():
            without = f"lacks {', '.join(missing)}; {install_line(extra)}" if missing else "installed"
            lines.append(f"{'extra ' + extra:<18} {without}")
        lines += [f"{name:<18} {value}" for name, value in self.machine.items()]
        lines += [f"{'self-test: ' + name:<18} {value}" for name, value in self.self_test.items()]
        return [*lines, *(f"FAILED: {failure}" for failure in self.failures)]


def examine(self_test: Callable[[Path], dict[str, Any]] | None = None) -> Report:
    """The report of this machine. The self-test builds a catalogue of 200 products in a temporary folder."""
    report = Report(_versions(), missing_extras(), _machine())
    absent = [name for name, number in report.versions.items() if number == "not installed"]
    if absent:
        report.failures.append(f"{', '.join(absent)} not installed; run: pip install genret")
        return report
    free = shutil.disk_usage(tempfile.gettempdir()).free
    report.machine["free disk"] = f"{free / 2**30:.1f} GiB in {tempfile.gettempdir()}"
    if free < LEAST_DISK:
        report.failures.append(f"only {report.machine['free disk']} free; free some, or set TMPDIR to another folder")
    started = perf_counter()
    try:
        with tempfile.TemporaryDirectory(prefix="genret-doctor-") as folder:
            report.self_test = (self_test or _build_and_search)(Path(folder))
    except (GenretError, OSError, RuntimeError) as error:
        report.failures.append(f"the self-test: {error}")
    report.self_test["seconds"] = round(perf_counter() - started, 1)
    return report


def missing_extras() -> dict[str, list[str]]:
    """Extra -> its distributions that are not installed, by the metadata of the installed genret."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(text) for text in requires("genret") or ()]
    except PackageNotFoundError:  # a source tree on PYTHONPATH
        return {}
    found: dict[str, list[str]] = {}
    for requirement in wanted:
        marker = str(requirement.marker or "")
        extra = marker.partition("extra == ")[2].strip("'\"")
        if extra and extra not in ("all", "dev") and requirement.name != "genret":
            lacking = found.setdefault(extra, [])
            if not _installed(requirement.name):
                lacking.append(requirement.name)
    return found


def _versions() -> dict[str, str]:
    found = {"genret": __version__, "python": platform.python_version()}
    for name in CORE:
        found[name] = version(name) if _installed(name) else "not installed"
    return found


def _installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True


def _machine() -> dict[str, Any]:
    found: dict[str, Any] = {"processor": processor(), "cores": cores()}
    if find_spec("torch"):
        found |= record(choose_device(), choose_precision())
    return found


def _build_and_search(folder: Path) -> dict[str, Any]:
    """Every stage at its smallest, untrained, and one search: what comes back must exist and be certified."""
    from genret.data.grocery import GrocerySettings, make_grocery
    from genret.embed.settings import EmbedSettings
    from genret.pipeline.retriever import Retriever
    from genret.pipeline.stages import data_stage, embed_stage, index_stage, tokenize_stage, train_stage
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training.settings import ModelSettings, TrainSettings

    grocery = GrocerySettings(products=200, train_queries=50, dev_queries=10, test_queries=10)
    data_stage(folder, lambda: make_grocery(grocery), {"format": "grocery"})
    embed_stage(folder, EmbedSettings(model="lsa", dim=16), progress=False)
    small = TokenizerSettings(codebook_sizes=(8, 8, 8, 8), steps=20, batch_size=64, max_collisions=1.0, max_dead=1.0)
    tokenize_stage(folder, small, progress=False)
    train_stage(folder, ModelSettings(d_model=32, ffn=32, text_vocab=512), TrainSettings(max_steps=0))
    index_stage(folder)
    retriever = Retriever.load(folder)
    title = retriever.index.product(0).title
    result = retriever.search(title, k=5, exact=True)
    if not result.hits:
        raise GenretError(f"a search for {title!r} found none of 200 products; please report this with the lines above")
    return {"products": 200, "hits": len(result.hits), "certified": result.exact}
