"""A disk that loses what was not synced, for the index's tests: a program's file system calls, replayed up to a cut.

`traced` runs a program under strace and gives its calls in order. `Disk` replays them: of each file it knows what the
last fsync made durable, and the writes since, of which a power cut keeps any; of each folder, the names that an fsync
of the folder made durable, and the changes since, of which a power cut keeps the first few. Knows no index.
"""

from __future__ import annotations

import ast
import random
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

CALLS = (
    "open,openat,creat,close,write,pwrite64,lseek,fsync,fdatasync,ftruncate,rename,renameat,renameat2,"
    "unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,dup,fcntl"
)
SECTOR = 512


class Call(NamedTuple):
    """One system call that succeeded."""

    name: str
    args: list[Any]
    result: int


def traced(program: str, *args: str, cwd: Path) -> list[Call]:
    """The file system calls of a Python program, in order. Its own lines on standard output are among them."""
    log = cwd / "strace.log"
    command = ["strace", "-f", "-qq", "-xx", "-s", "100000000", "-e", f"trace={CALLS}", "-o", str(log)]
    subprocess.run([*command, sys.executable, "-c", program, *args], check=True, stdout=subprocess.DEVNULL)
    begun: dict[str, str] = {}
    calls = []
    for line in log.read_text().splitlines():
        process, _, text = line.partition(" ")
        text = text.strip()
        if text.endswith("<unfinished ...>"):
            begun[process] = text.removesuffix("<unfinished ...>")
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>", text)
        if resumed:
            text = begun.pop(process, "") + text[resumed.end() :]
        found = re.fullmatch(r"(\w+)\((.*)\)\s+= (-?\d+).*", text, re.DOTALL)
        if found and int(found[3]) >= 0:
            calls.append(Call(found[1], _args(found[2]), int(found[3])))
    return calls


def _args(text: str) -> list[Any]:
    """Strings as bytes, numbers as such, anything else as text."""
    found: list[Any] = []
    for part in re.findall(r'"[^"]*"|[^,\s][^,]*', text):
        if part.startswith('"'):
            found.append(ast.literal_eval(f"b{part}"))
        else:
            found.append(int(part) if re.fullmatch(r"-?\d+", part) else part)
    return found


@dataclass
class File:
    """What is durable of a file, and what was done to it since."""

    durable: bytes = b""
    now: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)
    """(offset, data) written, or (length, None) cut to."""

    def write(self, at: int, data: bytes | None) -> None:
        _write(self.now, at, data)
        self.since.append((at, data))

    def sync(self) -> None:
        self.durable, self.since = bytes(self.now), []

    def after_cut(self, rng: random.Random) -> bytes:
        """Any of the writes since, in part at the edges of sectors."""
        result, keep = bytearray(self.durable), rng.choice([0.0, 0.5, 0.9, 1.0])
        for at, data in self.since:
            if rng.random() < keep:
                if data is not None and rng.random() < 0.1:
                    data = data[: rng.randrange(0, len(data) + 1, SECTOR)]
                _write(result, at, data)
        return bytes(result)


@dataclass
class Folder:
    """The names of a folder: those that are durable, and what was done to them since."""

    durable: dict[str, Any] = field(default_factory=dict)
    now: dict[str, Any] = field(default_factory=dict)
    since: list[dict[str, Any]] = field(default_factory=list)
    """Each: names that were set, or removed (None), together."""

    def change(self, names: dict[str, Any]) -> None:
        self.since.append(names)
        _rename(self.now, names)

    def sync(self) -> None:
        self.durable, self.since = dict(self.now), []

    def after_cut(self, rng: random.Random) -> dict[str, Any]:
        result = dict(self.durable)
        for names in self.since[: rng.randint(0, len(self.since))]:
            _rename(result, names)
        return result


def _write(content: bytearray, at: int, data: bytes | None) -> None:
    if data is None:
        del content[at:]
        content.extend(bytes(at - len(content)))
    else:
        content.extend(bytes(max(0, at - len(content))))
        content[at : at + len(data)] = data


def _rename(names: dict[str, Any], change: dict[str, Any]) -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


@dataclass
class Handle:
    node: Any
    at: int = 0
    append: bool = False


class Disk:
    """The folder at `root`, empty at first, as calls that are replayed change it."""

    def __init__(self, root: Path) -> None:
        self.root, self.top = root, Folder()
        self.handles: dict[int, Handle] = {}

    def replay(self, call: Call) -> str:
        """Do what the call did; what it wrote to standard output is returned."""
        name, args, result = call
        if name in ("write", "pwrite64") and args[0] == 1:
            return bytes(args[1]).decode()
        if name.startswith("open") or name == "creat":
            self._open(args, result)
        elif name == "close":
            self.handles.pop(args[0], None)
        elif name == "dup" or (name == "fcntl" and "F_DUPFD" in str(args[1])):
            if args[0] in self.handles:
                self.handles[result] = self.handles[args[0]]
        elif args and isinstance(args[0], int) and args[0] in self.handles:
            self._on_handle(name, args, result, self.handles[args[0]])
        else:
            self._on_names(name, [self._place(arg) for arg in args if isinstance(arg, bytes)])
        return ""

    def cut(self, target: Path, rng: random.Random) -> None:
        """What is there when the power comes back."""
        _materialise(self.top, target, rng)

    def _open(self, args: list[Any], result: int) -> None:
        path = next(arg for arg in args if isinstance(arg, bytes))
        flags = next((arg for arg in args if isinstance(arg, str) and arg.startswith("O_")), "")
        place = self._place(path)
        self.handles.pop(result, None)
        if place is None:
            return
        folder, name = place
        node = folder.now.get(name) if name else folder
        if node is None:
            node = File()
            folder.change({name: node})
        elif "O_TRUNC" in flags and isinstance(node, File) and node.now:
            node.write(0, None)
        self.handles[result] = Handle(node, append="O_APPEND" in flags)

    def _on_handle(self, name: str, args: list[Any], result: int, handle: Handle) -> None:
        node = handle.node
        if name in ("fsync", "fdatasync"):
            node.sync()
        elif name == "lseek":
            handle.at = result
        elif name == "ftruncate":
            node.write(args[1], None)
        elif name == "pwrite64":
            node.write(args[3], args[1][:result])
        elif name == "write":
            at = len(node.now) if handle.append else handle.at
            node.write(at, args[1][:result])
            handle.at = at + result

    def _on_names(self, name: str, places: list[Any]) -> None:
        if not places or None in places:
            return
        folder, last = places[0]
        if name.startswith("mkdir"):
            folder.change({last: Folder()})
        elif name.startswith(("unlink", "rmdir")):
            folder.change({last: None})
        elif name.startswith(("rename", "link")):
            other, new = places[1]
            moved = {} if name.startswith("link") else {last: None}
            node = folder.now[last]
            if other is folder:
                folder.change({**moved, new: node})
            else:
                other.change({new: node})
                folder.change(moved)

    def _place(self, path: bytes) -> tuple[Folder, str] | None:
        """The folder that holds a path, and its name there; None outside the disk."""
        whole = Path(path.decode(errors="replace"))
        if whole == self.root:
            return self.top, ""
        if not whole.is_relative_to(self.root):
            return None
        *above, last = whole.relative_to(self.root).parts
        folder: Any = self.top
        for part in above:
            folder = folder.now.get(part)
        return None if folder is None else (folder, last)


def _materialise(folder: Folder, target: Path, rng: random.Random) -> None:
    target.mkdir()
    for name, node in folder.after_cut(rng).items():
        if isinstance(node, Folder):
            _materialise(node, target / name, rng)
        else:
            (target / name).write_bytes(node.after_cut(rng))
