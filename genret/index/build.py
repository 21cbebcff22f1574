"""Generations of an index, written and opened; and the index itself, built from a catalogue and its codes.

The order of what goes to the disk: the files of a generation, its folder's name, then one transaction of the store that
makes it current and drops the changes that it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from genret.data.records import Catalogue
from genret.ground.artifacts import MANIFEST, Artifact, check_digests, read_artifact, sha256, sync, write_artifact
from genret.ground.errors import GenretError
from genret.index import generations
from genret.index.changes import LIVE, Change, Shape, decoded, encoded, merged, read_live, write_live
from genret.index.idmap import IdMap
from genret.index.lexical import IndexText
from genret.index.live import Pending
from genret.index.migrate import KIND, take_over
from genret.index.snapshot import EMBEDDINGS, Base, Floats, rank_keys
from genret.index.store import ACKNOWLEDGED, STORE, Read, State, Store, lineage_of
from genret.index.text import TEXT, save_text
from genret.search.trie import Trie

Carry: TypeAlias = Callable[[Base, Sequence[Change]], Sequence[Change]]
"""A new generation, and what came and went since the last one was built -> the same, with IDs and embeddings of the
new one."""


class Contents(NamedTuple):
    """What a generation is to hold."""

    catalogue: Catalogue
    codes: npt.NDArray[Any]
    """(N, L)"""
    embeddings: Floats | None = None
    """(N, D) float32 or float16"""
    live: Sequence[Change] = ()
    """What came and went since the index was built from its data; part of the products above."""
    text: IndexText = IndexText()
    """How the words of products count, and what is known of the query log's."""

    def checked(self) -> Contents:
        """The same; a GenretError where codes or embeddings are not of as many rows as there are products."""
        count, codes = len(self.catalogue), np.asarray(self.codes)
        if codes.ndim != 2 or len(codes) != count:
            raise GenretError(f"codes of shape {codes.shape} for {count} products; expected one row per product")
        if self.embeddings is None:
            return self._replace(codes=codes)
        vectors = np.asarray(self.embeddings)
        if vectors.dtype not in (np.float16, np.float32):
            vectors = vectors.astype(np.float32)
        if vectors.ndim != 2 or len(vectors) != count:
            raise GenretError(f"embeddings of shape {vectors.shape} for {count} products; expected one row per product")
        return self._replace(codes=codes, embeddings=vectors)


class Written(NamedTuple):
    """A generation on the disk, which is not current yet."""

    base: Base
    inputs: Mapping[str, str]

    def current(self, state: State | None, last: int) -> State:
        """The state with this generation as the current one, which holds the changes up to `last`."""
        artifact, shape = self.base.artifact, self.base.shape
        return State(
            generation=self.base.number,
            base=last,
            last=last if state is None else state.last,
            allocated=max(self.base.number, 0 if state is None else state.allocated),
            fingerprint=artifact.fingerprint,
            inputs=dict(self.inputs),
            lineage=lineage_of(self.inputs, self.base.trie.codebook_sizes, shape.width),
            levels=shape.levels,
            width=shape.width,
            live=artifact.files[LIVE]["sha256"] if LIVE in artifact.files else "",
            migrated=False if state is None else state.migrated,
            logged=0 if state is None else state.logged,
        )


class Opened(NamedTuple):
    """An index that was opened: its store, and, of one moment, what is current."""

    store: Store
    state: State
    pending: Pending
    """The current generation, held, and the changes since."""


class _Checked(NamedTuple):
    """A generation whose files are checked, but for those that nothing looks into while it is opened."""

    artifact: Artifact
    held: generations.Hold
    rest: Future[None]
    """Ends when these are checked too; a GenretError if one is damaged."""


class Live(NamedTuple):
    """What came and went since an index was built from its data."""

    state: State
    changes: list[Change]
    """Each product once: ids that went, and products that came."""

    @property
    def size(self) -> int:
        return sum(len(change.ids) for change in self.changes)


def build_index(
    contents: Contents,
    codebook_sizes: Sequence[int],
    path: str | Path,
    inputs: Mapping[str, str] | None = None,
    *,
    changes: Carry | Literal["forget"] | None = None,
) -> Artifact:
    """Write the index of N products, with their codes, at `path`, and return its generation.

    Products lie in the order of their IDs; those that share an ID by popularity, the highest first, then by product
    id; embeddings are kept in the same order. A catalogue of no products makes an index that finds nothing.

    An index that is there is replaced. Where products came or went since that was built, `changes` takes them over, or
    drops them if it is "forget"; without it, that is a GenretError.
    """
    forget = changes == "forget"
    carry = None if changes == "forget" else changes
    folder, contents = Path(path), contents.checked()
    trie, _ = Trie.build(contents.codes, codebook_sizes)  # what does not fit is refused before anything is written
    _make(folder)
    with generations.written_alone(folder, wait=True):
        store = _existing_store(folder, forget)
        state = None if store is None else store.state()
        number = max([0 if state is None else state.allocated, *generations.numbers(folder)]) + 1
        written = written_generation(folder, number, contents, trie.codebook_sizes, inputs or {})
        if store is None:
            Store.create(folder / STORE, written.current(None, 0), [])
        else:
            _replace(store, folder, written, carry, forget)
            store.close()
        generations.sweep(folder, number)
        return written.base.artifact


def opened(folder: Path, *, verify: bool, store: Store | None = None, known: Base | None = None) -> Opened:
    """An index as it lies on the disk.

    `known`: a generation that is open, and taken as it is where it is the current one. Raises GenretError where there
    is none, or it is damaged: it says what is safe, and how the rest is restored.
    """
    if store is None:
        _prepare(folder)
        store = Store(folder / STORE, check=verify)
    while True:
        found = _opened(folder, store, known, verify)
        if found is not None and store.state().generation == found.state.generation:
            return found


def current(folder: Path, *, verify: bool = True) -> Artifact:
    """The artifact of an index's current generation, checked."""
    found = opened(folder, verify=verify)
    found.store.close()
    return found.pending.base.artifact


def lineage(folder: Path) -> str:
    """`State.lineage` of the index at `folder`."""
    _prepare(folder)
    store = Store(folder / STORE, check=False)
    try:
        return store.state().lineage
    finally:
        store.close()


def live_changes(folder: Path) -> Live | None:
    """What came and went since the index at `folder` was built; None without an index. Needs no generation but for
    that one file of it."""
    if not (folder / STORE).exists() and not (folder / MANIFEST).exists():
        return None
    _prepare(folder)
    store = Store(folder / STORE)
    try:
        return _live(store, folder)
    finally:
        store.close()


def allocated(store: Store) -> int:
    """The number of the next generation to be written, given out once."""
    with store.writing() as transaction:
        number = transaction.state.allocated + 1
        transaction.set(transaction.state._replace(allocated=number))
    return number


def written_generation(
    folder: Path, number: int, contents: Contents, codebook_sizes: Sequence[int], inputs: Mapping[str, str]
) -> Written:
    """A generation, on the disk and opened; nobody reads it until the store says that it is current.

    If that fails it is left for the next writer to sweep away: a transaction that failed to reach the disk may still
    be found in SQLite's log after a crash, and must then find its generation.
    """
    path = generations.folder_of(folder, number)
    try:
        artifact = _write(path, contents, codebook_sizes, inputs)
    except (OSError, RuntimeError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise GenretError(f"{path}: cannot be written ({said}); nothing was changed") from None
    try:
        held = generations.hold(path)
        if held is None:
            raise GenretError("its folder cannot be locked")
        return Written(Base(artifact, number, held), inputs)
    except (OSError, GenretError) as error:
        said = str(error).partition("; ")[0]
        raise GenretError(f"{path}: written, but cannot be opened ({said}); nothing was changed; try again") from None


def _write(path: Path, contents: Contents, codebook_sizes: Sequence[int], inputs: Mapping[str, str]) -> Artifact:
    catalogue, codes, embeddings, live, text = contents
    ranked = rank_keys(catalogue.table).order(len(catalogue))
    trie, order = Trie.build(codes[ranked], codebook_sizes)
    rows = ranked[order]  # (N,) the catalogue's row at each position
    ordered = catalogue.take(rows)
    settings = {"codebook_sizes": list(trie.codebook_sizes), "products": trie.num_products, "ids": trie.num_ids}
    with write_artifact(path, KIND, settings, inputs, durable=True) as folder:
        trie.save(folder / "trie")
        ordered.write(folder / "products.parquet")
        IdMap.build(ordered.ids, codes[rows]).save(folder)
        save_text(ordered, text, folder / TEXT)
        if embeddings is not None:
            np.save(folder / EMBEDDINGS, embeddings[rows], allow_pickle=False)
        if live:
            write_live(live, folder / LIVE, Shape(trie.levels, 0 if embeddings is None else embeddings.shape[1]))
    return read_artifact(path, KIND, verify=False)


def _replace(store: Store, folder: Path, written: Written, carry: Carry | None, forget: bool) -> None:
    """Make the generation current in place of one built before, with what came and went since on top."""
    for patience in (True, True, False):  # changes that come meanwhile are taken over too; in the end, they wait
        live = _live(store, folder, forget)
        if live.size and carry is None and not forget:
            raise GenretError(
                f"{folder}: {live.size} products were put or removed since it was built; building it again would "
                "lose them; carry them over (`genret index RUN --changes keep`) or drop them (`--changes drop`)"
            )
        changes = [] if forget or carry is None else list(carry(written.base, live.changes))
        with store.writing() as transaction:
            if transaction.state.last != live.state.last or transaction.state.generation != live.state.generation:
                if patience:
                    continue
                live = _live(store, folder, forget)
                changes = [] if forget or carry is None else list(carry(written.base, live.changes))
            transaction.forget(transaction.state.last)
            transaction.set(written.current(transaction.state, transaction.state.last)._replace(migrated=False))
            for change in merged(changes):
                for piece in change.pieces():
                    transaction.append(piece.kind, encoded(piece, written.base.shape))
        return


def _live(store: Store, folder: Path, forget: bool = False) -> Live:
    read = store.read(lambda state: state.base)
    state = read.state
    if forget:
        return Live(state, [])
    shape = Shape(state.levels, state.width)
    before: list[Change] = []
    if state.live:
        path = generations.folder_of(folder, state.generation) / LIVE
        if not path.exists() or sha256(path) != state.live:
            raise GenretError(
                f"{path}: missing or damaged; it holds what was put and removed since the index was built; restore it "
                "from a copy, or build the index without: `genret index RUN --changes drop`"
            )
        before = read_live(str(path), shape)
    return Live(state, merged([*before, *(decoded(row.kind, row.body, shape) for row in read.rows)]))


def _existing_store(folder: Path, forget: bool) -> Store | None:
    """The store of an index that is there; a damaged one only counts if its changes are not to be forgotten."""
    try:
        if (folder / MANIFEST).exists():
            take_over(folder)
        if not (folder / STORE).exists():
            if not forget and (folder / ACKNOWLEDGED).exists():
                raise GenretError(
                    f"{folder / STORE}: missing, with the changes that it held; restore it from a copy, or build the "
                    "index without: `genret index RUN --changes drop`"
                )
            return None
        return Store(folder / STORE)
    except GenretError:
        if forget:
            return None
        raise


def _opened(folder: Path, store: Store, known: Base | None, verify: bool) -> Opened | None:
    """The index; None where another generation became current meanwhile. Files are checked while changes are read."""
    state = store.state()
    with ThreadPoolExecutor(2) as pool:  # left when all is checked
        same = known is not None and known.number == state.generation
        files = None if same else pool.submit(_checked_files, folder, state, verify, pool)
        read = store.read(lambda one: one.base)
        if read.state.generation != state.generation:
            return None
        changes = merged(decoded(row.kind, row.body, Shape(state.levels, state.width)) for row in read.rows)
        try:
            if files is None:
                assert known is not None
                return Opened(store, read.state, Pending.replayed(known, changes))
            checked = files.result()
            return None if checked is None else Opened(store, read.state, _laid_over(checked, state, changes))
        except GenretError as error:
            if store.state().generation == state.generation:
                raise _with_what_is_safe(error, folder, read) from None
            return None


def _checked_files(folder: Path, state: State, verify: bool, pool: ThreadPoolExecutor) -> _Checked | None:
    """The current generation, held, of whose files those are checked that changes are laid over; None if it is being
    removed: then it is not current any more."""
    path = generations.folder_of(folder, state.generation)
    held = generations.hold(path)
    if held is None:
        if path.exists():
            return None
        raise GenretError(f"{path}: missing")
    artifact = read_artifact(path, KIND, verify=False)
    if artifact.fingerprint != state.fingerprint:
        raise GenretError(f"{path}: another generation than {STORE} says ({state.fingerprint[:12]})")
    later = [name for name in artifact.files if name == EMBEDDINGS or name.startswith(f"{TEXT}/")]
    rest = pool.submit(check_digests, artifact, later if verify else [])
    if verify:
        check_digests(artifact, [name for name in artifact.files if name not in later])
    return _Checked(artifact, held, rest)


def _laid_over(checked: _Checked, state: State, changes: Sequence[Change]) -> Pending:
    """The generation with changes, put in order while the last of its files are checked."""
    try:
        pending = Pending.replayed(Base(checked.artifact, state.generation, checked.held), changes)
        pending.settle()
        return pending
    except OSError as error:
        raise GenretError(f"{checked.artifact.path}: cannot be opened ({error})") from None
    finally:
        checked.rest.result()


def _with_what_is_safe(error: GenretError, folder: Path, read: Read) -> GenretError:
    count = read.state.last - read.state.base
    safe = f"the {count} changes since are safe in {STORE}" if count else f"{STORE} holds no changes since"
    return GenretError(f"{error} ({safe}; `genret index {folder.parent}` builds the generation again and keeps them)")


def _prepare(folder: Path) -> None:
    """Convert an index of the earlier format; a GenretError where there is no index of either format."""
    there, old = (folder / STORE).exists(), (folder / MANIFEST).exists()
    if there and not old:
        return
    if generations.numbers(folder) and not there and not old:
        raise GenretError(
            f"{folder / STORE}: missing; it says which generation is current, and holds the changes since; restore it "
            "from a copy, or build the index without them: `genret index RUN --changes drop`"
        )
    if not there:
        read_artifact(folder, KIND, verify=False)  # the clear error where nothing is there
    with generations.written_alone(folder, wait=True):
        take_over(folder)


def _make(folder: Path) -> None:
    """The folder of an index, made if missing; a GenretError if it is something else."""
    if folder.exists() and (not folder.is_dir() or not _is_index(folder)):
        raise GenretError(f"{folder} exists and is not a genret index; give another path, or move it away")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GenretError(f"{folder}: cannot be made ({error.strerror})") from None
    sync(folder.parent)


def _is_index(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    return not names or bool(names & {STORE, MANIFEST, generations.LOCK}) or bool(generations.numbers(folder))
