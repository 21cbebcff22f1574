"""SQLite as the store uses it: how it is opened, waited for and checked, and its errors in one clear line each."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from genret.ground.errors import GenretError

APPLICATION, SCHEMA = 0x67656E72, 1
WAIT_SECONDS = 60.0
"""How long a writer waits for another one."""
BUSY_SECONDS = 1.0
"""How long SQLite itself waits before it asks again: Ctrl-C is heard between."""
REFUSED = ("disk", "unable to open", "readonly", "locking protocol", "out of memory")
"""Words of errors that say nothing against what the database holds."""
UNREAD = re.compile(r"failed to get page|unable to get the page\. error code=(\d+)")
"""What a check says of a page that it did not get, with the reason where it gives one."""
CORRUPT = 11
"""SQLite's code for a page that is not as it should be."""
T = TypeVar("T")


def patiently(call: Callable[[], T]) -> T:
    """What the call returns; while another process keeps the database, it is tried again for `WAIT_SECONDS`."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return call()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.001)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """SQLite's errors as one clear line each."""
    try:
        yield
    except sqlite3.Error as error:
        said = str(error)
        if "unable to open" in said and not path.exists():
            raise GenretError(f"{path}: no such file; make the index with `genret index RUN`") from None
        if is_busy(error):
            raise GenretError(f"{path}: another process keeps this database locked; try again") from None
        if "malformed" not in said and any(word in said for word in REFUSED):
            raise GenretError(f"{path}: cannot be written or read ({said}); nothing was changed") from None
        if "malformed" in said and _is_whole(path):
            raise GenretError(
                f"{path}: cannot be read (SQLite says {said!r} of one page, but then found all of them whole); nothing "
                "was changed; try again"
            ) from None
        raise damaged(path, said) from None


def _is_whole(path: Path) -> bool:
    """Whether a second look finds no damage: SQLite also says it of some pages that a disk failed to give."""
    try:
        with closing(connect(path)) as connection:
            quick_check(connection, path)
        return True
    except (sqlite3.Error, GenretError):
        return False


def damaged(path: Path, what: str) -> GenretError:
    return GenretError(
        f"{path}: damaged ({what}); the generations beside it are not touched; restore it from a copy, or build the "
        "index without its changes: `genret index RUN --changes drop`"
    )


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    log = path.with_name(f"{path.name}-wal")
    if read_only and log.exists() and log.stat().st_size:
        raise GenretError(f"{log}: not moved into {path.name} yet, and the folder is read-only; make it writable")
    options = "mode=ro&immutable=1" if read_only else "mode=rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{options}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for setting in (
            "synchronous=FULL",
            "fullfsync=ON",  # what macOS needs to mean it
            "wal_autocheckpoint=0",  # see Store._move_log
            "journal_size_limit=67108864",
            "trusted_schema=OFF",
            "cell_size_check=ON",
        ):
            connection.execute(f"PRAGMA {setting}")
    except BaseException:
        connection.close()
        raise
    return connection


def check_header(connection: sqlite3.Connection, path: Path) -> bool:
    application, schema = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if application != APPLICATION:
        raise damaged(path, "not a genret store")
    if schema != SCHEMA:
        raise GenretError(f"{path}: format {schema}, but this genret reads format {SCHEMA}; upgrade genret")
    return True


def quick_check(connection: sqlite3.Connection, path: Path) -> None:
    """A GenretError if the database is damaged; an sqlite3.OperationalError where a page of it could not be read."""
    found = " ".join(str(connection.execute("PRAGMA quick_check(1)").fetchone()[0]).split())
    unread = UNREAD.search(found)
    if unread and int(unread[1] or 0) & 0xFF != CORRUPT:
        raise sqlite3.OperationalError("disk I/O error")
    if found != "ok":
        raise damaged(path, found)


def is_busy(error: sqlite3.Error) -> bool:
    return "locked" in str(error) or "busy" in str(error)


def remove_database(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
