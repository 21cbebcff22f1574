"""The store of an index, `store.sqlite`: which generation is current, and the changes since.

A writer is one SQLite transaction, on the disk (`synchronous=FULL`) when it returns; writers of all processes wait for
each other. A reader takes the state and the changes after one that it knows in one read transaction. Every row has a
digest. `acknowledged`, a small file beside it, has the number of the last change that was reported as made, so that a
write-ahead log that was cut is told from one that never held more.

SQLite's locks belong to a process: its file must not be opened by other means while the process uses it. A fork gets
connections of its own, and leaves those of its parent alone.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from genret.ground.artifacts import sync
from genret.ground.errors import GenretError
from genret.ground.hardware import cores
from genret.index.changes import digest
from genret.index.database import (
    APPLICATION,
    SCHEMA,
    WAIT_SECONDS,
    check_header,
    connect,
    damaged,
    is_busy,
    named,
    patiently,
    quick_check,
    remove_database,
)

STORE, ACKNOWLEDGED = "store.sqlite", "acknowledged"
CHECKPOINT_BYTES = 4 << 20
"""What the write-ahead log may hold before it is moved into the database."""
SHARED_BYTES = 4 << 20
"""Changes of more bytes are looked through for damage by several threads."""
ABANDONED: list[sqlite3.Connection] = []
"""Connections of a parent process: SQLite forbids even to close them here."""


class State(NamedTuple):
    """What is current; replaced as a whole."""

    generation: int
    """The number of the current generation's folder."""
    base: int
    """The last change that this generation holds."""
    last: int
    """The last change."""
    allocated: int
    """The highest number ever given to a generation."""
    fingerprint: str
    """Of the generation's artifact."""
    inputs: Mapping[str, str]
    """What the index was made from, name -> fingerprint."""
    lineage: str
    """Differs between generations that a reader must not take for each other: inputs and shape."""
    levels: int
    """Codes of a semantic ID."""
    width: int
    """Of the embeddings; 0 without any."""
    live: str = ""
    """SHA-256 of the generation's file of products that came or went since the index was built; empty without one."""
    migrated: bool = False
    """Whether an earlier format's index was taken over, of which it is not known what came and went before."""
    logged: int = 0
    """Bytes that went into the write-ahead log since it was last moved into the database."""


def lineage_of(inputs: Mapping[str, str], codebook_sizes: Sequence[int], width: int) -> str:
    """What `State.lineage` is for an index of these inputs and this shape."""
    return digest(sorted(inputs.items()), list(codebook_sizes), width).hex()


class Row(NamedTuple):
    """One change as it is stored."""

    number: int
    kind: str
    body: bytes


class Read(NamedTuple):
    """The state, and the changes after the one asked for, at one moment."""

    state: State
    rows: list[Row]


class Transaction:
    """A writer's turn: only it changes anything meanwhile, and all that it does is done, or nothing."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection, self._path = connection, path
        self.state = _state(connection, path)

    def rows(self, after: int) -> list[Row]:
        return _rows(self._connection, self._path, self.state, after)

    def append(self, kind: str, body: bytes) -> None:
        """Add a change."""
        number = self.state.last + 1
        self._connection.execute(
            "INSERT INTO changes VALUES (?, ?, ?, ?)", (number, kind, body, digest(number, kind, body))
        )
        self.set(self.state._replace(last=number, logged=self.state.logged + len(body) + 8192))

    def forget(self, until: int) -> None:
        """Drop the changes up to this one: a generation holds them."""
        self._connection.execute("DELETE FROM changes WHERE number <= ?", (until,))

    def set(self, state: State) -> None:
        """Take this as the state to be written when the transaction ends."""
        self.state = state

    def write_state(self) -> None:
        _write_state(self._connection, self.state)


class Store:
    """The database of one index. One thread at a time may read, and one write."""

    def __init__(self, path: Path, *, check: bool = True) -> None:
        """Opens an existing one. `check`: look through the whole file for damage, which reads all of it."""
        self.path, self._note = path, path.with_name(ACKNOWLEDGED)
        self._process = os.getpid()
        self._read_only = not os.access(path.parent, os.W_OK)
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        self._seen = -1  # the data version as of the last read
        with self._named():
            found = patiently(lambda: check_header(self._reading(), path))
            if check and found:
                patiently(lambda: quick_check(self._reading(), path))
        self._check_acknowledged()

    @classmethod
    def create(cls, path: Path, state: State, rows: list[Row]) -> None:
        """Make a new store, under a temporary name that is then renamed: it is on the disk as a whole, or not at all.

        Only for one who writes alone: what interrupted writers left behind is removed.
        """
        temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
        for left in path.parent.glob(f".{path.name}.tmp-*"):
            left.unlink(missing_ok=True)
        try:
            with named(path):
                connection = sqlite3.connect(temporary, isolation_level=None)
                try:
                    _fill(connection, state, rows)
                finally:
                    connection.close()
            sync(temporary)
            for name in (ACKNOWLEDGED, f"{path.name}-wal", f"{path.name}-shm"):  # of a damaged one, if there is any
                path.with_name(name).unlink(missing_ok=True)
            os.replace(temporary, path)
            sync(path.parent)
        finally:
            remove_database(temporary)

    def changed(self) -> bool:
        """Whether another connection has changed anything since the last `read`."""
        try:  # every search asks
            return bool(self._reading().execute("PRAGMA data_version").fetchone()[0] != self._seen)
        except sqlite3.Error:
            with self._named():
                return self._version() != self._seen

    def unsee(self) -> None:
        """What was read last could not be used: `changed` says so until it is read again."""
        self._seen = -1

    def state(self) -> State:
        with self._named():
            return patiently(lambda: _state(self._reading(), self.path))

    def read(self, after: Callable[[State], int]) -> Read:
        """The state and, of the same moment, the changes after the one that `after` chooses."""
        with self._named():
            seen = self._version()  # before the read: what comes between is seen next time
            connection = self._reading()
            patiently(lambda: connection.execute("BEGIN"))
            try:
                state = patiently(lambda: _state(connection, self.path))
                rows = _rows(connection, self.path, state, after(state))
            finally:
                if not _left_transaction(connection):
                    self._reader = None
            self._seen = seen
            return Read(state, rows)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction: committed, and on the disk, when the block ends; undone if it fails.

        A GenretError if another writer does not end in `WAIT_SECONDS`, or the disk refuses; nothing is changed then.
        """
        if self._read_only:
            raise GenretError(f"{self.path.parent}: this folder is read-only; nothing was changed")
        with self._named():
            try:
                transaction = self._begun()
                before = transaction.state
                yield transaction
                if transaction.state != before:
                    transaction.write_state()
                self._writing().execute("COMMIT")
            except sqlite3.Error:
                self._undo()
                self._renew_writer()
                raise
            except BaseException:
                self._undo()
                raise
        if transaction.state.last != before.last:
            self._acknowledge(transaction.state.last)

    def close(self) -> None:
        """Release the database; what is asked next opens it again."""
        self._leave_parents()
        for connection in (self._reader, self._writer):
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()
        self._reader = self._writer = None
        self._seen = -1

    def _version(self) -> int:
        return int(patiently(lambda: self._reading().execute("PRAGMA data_version").fetchone())[0])

    def _begun(self) -> Transaction:
        """A transaction, before which the write-ahead log was moved into the database if it is long.

        SQLite does this beside writers by itself, but releases before 3.51.3 may lose a commit that meets it. So it is
        done by one that keeps other writers out and writes nothing, so that the next finds all moved and begins the log
        anew.
        """
        transaction = Transaction(self._begin(), self.path)
        if transaction.state.logged < CHECKPOINT_BYTES:
            return transaction
        mover = connect(self.path)
        try:
            mover.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        finally:
            mover.close()
        self._undo()
        transaction = Transaction(self._begin(), self.path)
        transaction.set(transaction.state._replace(logged=0))
        return transaction

    def _begin(self) -> sqlite3.Connection:
        connection = self._writing()
        try:
            patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            raise GenretError(
                f"{self.path}: another process has been changing this index for {WAIT_SECONDS:.0f} s; "
                "nothing was changed; try again when it is done"
            ) from None
        return connection

    def _undo(self) -> None:
        """Go back to before the transaction; where even that fails, take a new connection."""
        if self._writer is not None and not _left_transaction(self._writer):
            self._writer = None

    def _renew_writer(self) -> None:
        """Have the next transaction open the database anew: SQLite opens it for reading only where a disk that fails
        for a moment refuses more, and does not say so."""
        if self._writer is not None:
            with suppress(sqlite3.Error):
                self._writer.close()
            self._writer = None

    def _reading(self) -> sqlite3.Connection:
        self._leave_parents()
        if self._reader is None:
            self._reader = connect(self.path, read_only=self._read_only)
            self._seen = -1
        return self._reader

    def _writing(self) -> sqlite3.Connection:
        self._leave_parents()
        if self._writer is None:
            self._writer = connect(self.path)
        return self._writer

    def _leave_parents(self) -> None:
        if self._process != os.getpid():
            ABANDONED.extend(one for one in (self._reader, self._writer) if one is not None)
            self._reader = self._writer = None
            self._process = os.getpid()

    @contextmanager
    def _named(self) -> Iterator[None]:
        with named(self.path):
            yield

    def _acknowledge(self, last: int) -> None:
        """Note the last change that was reported as made. Not synced: the note may be behind, never ahead."""
        number = f"{last:020d}".encode()
        with suppress(OSError):  # only a help to find damage
            handle = os.open(self._note, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                os.write(handle, number + b" " + digest(number).hex().encode() + b"\n")
            finally:
                os.close(handle)

    def _check_acknowledged(self) -> None:
        note = self._note
        try:
            number, _, check = note.read_bytes().rstrip(b"\n").partition(b" ")
        except OSError:
            return
        if check != digest(number).hex().encode():
            return  # damaged: it tells nothing
        last = self.state().last
        if int(number) > last:
            raise GenretError(
                f"{self.path}: ends at change {last}, but change {int(number)} was made: its write-ahead log "
                f"{self.path.name}-wal was cut or damaged; restore both from a copy, or delete {note} to go on without"
            )


def _left_transaction(connection: sqlite3.Connection) -> bool:
    """Whether the connection is in no transaction any more; closed where it could not leave its own."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return True
    except sqlite3.Error:
        with suppress(sqlite3.Error):
            connection.close()
        return False


def _fill(connection: sqlite3.Connection, state: State, rows: list[Row]) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={SCHEMA}")
    connection.execute(
        "CREATE TABLE changes"
        " (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, body BLOB NOT NULL, digest BLOB NOT NULL)"
    )
    connection.execute("CREATE TABLE state (one INTEGER PRIMARY KEY, value TEXT NOT NULL, digest BLOB NOT NULL)")
    connection.executemany(
        "INSERT INTO changes VALUES (?, ?, ?, ?)",
        ((row.number, row.kind, row.body, digest(row.number, row.kind, row.body)) for row in rows),
    )
    _write_state(connection, state)
    connection.execute("COMMIT")


def _state(connection: sqlite3.Connection, path: Path) -> State:
    found = connection.execute("SELECT value, digest FROM state WHERE one = 1").fetchone()
    if found is None or found[1] != digest("state", found[0]):
        raise damaged(path, "its state is not as it was written")
    return State(**json.loads(found[0]))


def _write_state(connection: sqlite3.Connection, state: State) -> None:
    value = json.dumps(state._asdict(), sort_keys=True)
    connection.execute("INSERT OR REPLACE INTO state VALUES (1, ?, ?)", (value, digest("state", value)))


def _rows(connection: sqlite3.Connection, path: Path, state: State, after: int) -> list[Row]:
    """The changes after `after`, which is not before the state's base: each there, and as it was written."""
    query = "SELECT number, kind, body, digest FROM changes WHERE number > ? ORDER BY number"
    found: list[tuple[Any, ...]] = connection.execute(query, (after,)).fetchall()
    for (number, _, _, check), expected in zip(found, _digests(found), strict=True):
        if check != expected:
            raise damaged(path, f"change {number} is not as it was written")
    if [row[0] for row in found] != list(range(after + 1, state.last + 1)):
        raise damaged(path, f"it should hold the changes {after + 1} to {state.last}, and holds {len(found)}")
    return [Row(*row[:3]) for row in found]


def _digests(found: Sequence[tuple[Any, ...]]) -> list[bytes | None]:
    """Of each row, what its digest should be; None where its body is not bytes. Many bytes are shared by the cores."""

    def of(row: tuple[Any, ...]) -> bytes | None:
        return digest(*row[:3]) if isinstance(row[2], bytes) else None

    if len(found) == 1 or sum(len(row[2]) for row in found if isinstance(row[2], bytes)) < SHARED_BYTES:
        return [of(row) for row in found]
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(of, found))
