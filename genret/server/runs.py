"""The runs that are served: loaded, warmed up, replaced by newer artifacts without a failed request, and rolled back.

A run is known by its folder's name. What serves is one `Served`, never changed: a newer one takes its place whole,
after a search of its own, and the one before stays at hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import time
from typing import Any, NamedTuple

from genret.ground.artifacts import write_json
from genret.ground.errors import GenretError
from genret.pipeline.folder import RunFolder
from genret.pipeline.meaning import Meanings
from genret.pipeline.retriever import Retriever
from genret.server.metrics import Metrics
from genret.server.substitutes import Substitutes

Log = Callable[[str, Mapping[str, Any]], None]
REFUSED = "refused.json"
"""The file, shared by the workers, of versions that were rolled back."""


class Served(NamedTuple):
    """A run as it is served."""

    name: str
    folder: Path
    retriever: Retriever
    version: str
    """What it was loaded from: see `version_of`."""
    since: float
    substitutes: Substitutes

    @property
    def generation(self) -> int:
        """The generation of its index."""
        return self.retriever.index.snapshot().base.number


class Runs:
    """All runs of one process. Loading and polling are called from threads; reading needs no lock."""

    def __init__(self, folders: Sequence[Path], device: str, control: Path | None, metrics: Metrics, log: Log) -> None:
        self._folders = dict(zip(run_names(folders), folders, strict=True))
        self._device, self._control, self._metrics, self._log = device, control, metrics, log
        self._current: dict[str, Served] = {}
        self._previous: dict[str, Served] = {}
        self._failed: dict[str, str] = {}  # run -> a version that could not be loaded
        self._meanings: dict[str, Meanings] = {}
        self._lock = Lock()

    @property
    def names(self) -> list[str]:
        """The runs, the one that is served first."""
        return list(self._folders)

    @property
    def loaded(self) -> bool:
        return len(self._current) == len(self._folders)

    def get(self, name: str | None = None) -> Served:
        """The run of that name, by default the first; a GenretError for an unknown one."""
        name = next(iter(self._folders)) if name is None else name
        if name not in self._folders:
            raise GenretError(f"run {name!r} is not served here; served: {', '.join(self._folders)}")
        return self._current[name]

    def previous(self, name: str) -> Served | None:
        """What a rollback would return to."""
        return self._previous.get(name)

    def holding(self, version: str) -> Served | None:
        """What is served, or was before, of this version; None where it is neither."""
        held = (*self._current.values(), *self._previous.values())
        return next((served for served in held if served.version == version), None)

    def load(self) -> None:
        """Load every run, each warmed up by a search. A GenretError if one of them cannot be searched."""
        for name, folder in self._folders.items():
            self._current[name] = self._loaded(name, folder)
            self._tell(self._current[name])

    def poll(self) -> None:
        """Take up what is newer on disk, whole. Products that change need no poll: each search reads them."""
        with self._lock:
            refused = self._refused()
            for name, folder in self._folders.items():
                with suppress(GenretError):  # half a pair of artifacts: whole in a moment, and asked for again
                    self._follow(name, folder, refused)

    def rollback(self, name: str | None = None) -> Served:
        """Go back to what was served before, and refuse what is served now. A GenretError if nothing was before."""
        with self._lock:
            served = self.get(name)
            before = self._previous.get(served.name)
            if before is None:
                raise GenretError(f"run {served.name!r} has served one version only; there is none to roll back to")
            if self._control is not None:
                write_json(self._control / REFUSED, sorted({*self._refused(), served.version}))
            return self._back(served, before)

    def meanings(self, name: str | None = None) -> Meanings:
        """What the prefixes of a run's index mean, as it is now."""
        served = self.get(name)
        index = served.retriever.index.snapshot()
        found = self._meanings.get(served.name)
        if found is None or found.index is not index:
            self._meanings[served.name] = found = Meanings(index)
        return found

    def _follow(self, name: str, folder: Path, refused: frozenset[str]) -> None:
        served, version = self._current[name], version_of(folder)
        if served.version in refused and name in self._previous:
            self._back(served, self._previous[name])
        elif version == served.version:
            self._tell(served)
        elif version not in refused and version != self._failed.get(name):
            try:
                newer = self._loaded(name, folder)
            except Exception as error:  # whatever is wrong with it, the one that serves goes on
                self._failed[name] = version
                self._metrics.reloaded("failed")
                self._log("reload_failed", {"run": name, "version": version, "error": str(error)})
                return
            self._previous[name], self._current[name] = served, newer
            self._metrics.reloaded("taken")
            self._log("reloaded", {"run": name, "version": newer.version})
            self._tell(newer)

    def _back(self, served: Served, before: Served) -> Served:
        self._current[served.name] = before
        del self._previous[served.name]
        self._metrics.reloaded("rolled back")
        self._log("rolled_back", {"run": served.name, "from": served.version, "to": before.version})
        self._tell(before)
        return before

    def _loaded(self, name: str, folder: Path) -> Served:
        version = version_of(folder)
        retriever = Retriever.load(folder, device=self._device)
        warm_up(retriever)
        if version_of(folder) != version:
            raise GenretError(f"{folder}: changed while it was loaded")
        return Served(name, folder, retriever, version, time(), Substitutes(folder))

    def _refused(self) -> frozenset[str]:
        with suppress(OSError, json.JSONDecodeError):
            if self._control is not None:
                return frozenset(json.loads((self._control / REFUSED).read_text(encoding="utf-8")))
        return frozenset()

    def _tell(self, served: Served) -> None:
        index = served.retriever.index.snapshot()
        self._metrics.serving(served.name, index.base.number, len(index))


def run_names(folders: Sequence[Path]) -> list[str]:
    """A name for each folder: its last part, with as much before it as tells them apart."""
    paths = [folder.resolve() for folder in folders]
    if len(set(paths)) != len(paths):
        raise GenretError("a run is given twice; give each once")
    for parts in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def version_of(folder: Path) -> str:
    """`RunFolder.version` of the run that lies there."""
    return RunFolder(folder).version


def warm_up(retriever: Retriever) -> None:
    """One search, so that no shopper waits for the first: products are read, and the model has run."""
    index = retriever.index.snapshot()
    title = index.product(0).title if index.trie.num_products else ""
    retriever.search(title if title.strip() else "warm up", 10)
