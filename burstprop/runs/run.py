"""One run, one folder: what was asked for, how far it is, by which code, and which files it has.

All of it stands in ``run.json``, which every verb writes through `Run`:

``status``
    ``running`` (or killed while it ran), ``interrupted``, ``failed`` or ``complete``;
``verb``, ``task``
    what was asked for; a folder that holds something else is an error, not a result;
``parts``
    which code worked on it for how many seconds, in the order of time;
``files``
    of a complete run: name, size and checksum of each file of the result;

and what the verb notes beside: command, parameters, versions, claims. While a process works in the folder,
it holds a lock there (`burstprop.runs.lock`); what it needs to go on lies beside it
(`burstprop.runs.checkpoints`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from burstprop.errors import BurstpropError
from burstprop.runs.checkpoints import Checkpoints
from burstprop.runs.lock import LOCK_FILE, Lock
from burstprop.runs.pieces import lost, pieces
from burstprop.system.files import plain, remove_partial, writable_folder, write_json

RUN_FILE = "run.json"
#: Of a run that does not say by which code it was made.
UNKNOWN = {"burstprop": "", "code": ""}
#: What a process has worked at least: a part of 0 s says that nothing of the run is by that code.
SHORTEST_S = 0.01


def identity(task: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a task asks for as JSON content; descriptions become their fields, with their type's name.

    Raises
    ------
    BurstpropError
        Something in it has no JSON form, so that a later call could not tell whether it asks for the same.
    """
    try:
        content = {str(name): _described(value) for name, value in task.items()}
        return json.loads(json.dumps(content))
    except TypeError as error:
        raise BurstpropError(
            f"a task that is kept in a folder must be made of numbers, text and descriptions: {error}"
        ) from None


def read_run(folder: str | Path) -> dict[str, Any]:
    """Return what ``run.json`` of a folder says.

    Raises
    ------
    BurstpropError
        There is none, or it cannot be read.
    """
    path = Path(folder) / RUN_FILE
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        what = "is not a folder" if Path(folder).is_file() else f"holds no run (no {RUN_FILE} in it)"
        raise BurstpropError(f"{str(folder)!r} {what}: give the folder of a run (its --out)") from None
    except (OSError, ValueError, TypeError) as error:
        raise BurstpropError(f"{str(path)!r} cannot be read: it is truncated or altered ({error})") from None


def begun(folder: Path) -> bool:
    """Return whether a run finds something in its folder to go on from."""
    own = (path for path in folder.iterdir() if path.name != RUN_FILE and not path.name.startswith("."))
    # a folder with no file of a run's own anywhere in it was made for what never came
    return any(path.is_file() or any(_is_work(inner) for inner in path.rglob("*")) for path in own)


def part_made(code: Mapping[str, Any], how: Mapping[str, Any]) -> dict[str, Any]:
    """Return which code worked on a run, how long, on what machine, and when it was done."""
    return {**code, **{name: how[name] for name in ("seconds", "cpu", "date") if name in how}}


def note_seconds(folder: Path, seconds: float) -> None:
    """Write down how long this process has worked on the run in ``folder``.

    A full disk is no error, and on a cluster that shares no disk with the caller there is nothing to write it
    into.
    """
    path = folder / RUN_FILE
    with contextlib.suppress(OSError, BurstpropError):
        content = read_run(folder)
        *before, own = content["parts"]
        content["parts"] = [*before, own | {"seconds": max(SHORTEST_S, round(seconds, 2))}]
        write_json(path, content)


def note_status(folder: Path, status: str) -> None:
    """Write down how the run in ``folder`` ended, where its verb writes ``run.json`` itself.

    A full disk is no error: why the run ended is known.
    """
    path = folder / RUN_FILE
    with contextlib.suppress(OSError, ValueError, TypeError, BurstpropError):
        write_json(path, {**json.loads(path.read_text(encoding="utf-8")), "status": status})


class Run:
    """The folder of one run.

    Parameters
    ----------
    folder : path
        Need not exist.
    task : dict, optional
        What `identity` returned; None where the verb itself compares what was asked for.
    verb : str
        What makes it: ``simulate``, ``reproduce``, ``train``, ``sweep``.

    Raises
    ------
    BurstpropError
        The folder holds another run, or one that cannot be read.
    """

    def __init__(self, folder: str | Path, task: dict[str, Any] | None = None, verb: str = "sweep") -> None:
        """Read what is there; see the class."""
        self.folder = Path(folder)
        self.task = task
        self.verb = verb
        self._lock: Lock | None = None
        self.content: dict[str, Any] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read again what is there, and compare it with what is asked for."""
        if not (self.folder / RUN_FILE).exists():
            self.content = {}
            return
        try:
            self.content = read_run(self.folder)
            there = self.content["task"] if self.task is not None else None
        except (BurstpropError, KeyError) as error:
            raise self.unreadable(error) from None
        difference = difference_of(there, self.task) if self.task is not None else ""
        if difference:
            raise BurstpropError(
                f"{str(self.folder)!r} holds another run ({difference}): "
                "give another output folder, or delete this one"
            )

    @property
    def file(self) -> str:
        """The name of the file that says all this."""
        return RUN_FILE

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.folder.name

    @property
    def status(self) -> str:
        """``running``, ``interrupted``, ``failed`` or ``complete``; empty where there is no run."""
        return str(self.content.get("status", ""))

    @property
    def complete(self) -> bool:
        """Whether it is complete."""
        return self.status == "complete"

    def parts(self) -> list[dict[str, Any]]:
        """Return which code (`burstprop.runs.run_code`) worked on it for how many seconds.

        Empty where nothing is there that was worked on.
        """
        if not self.content or not (self.complete or begun(self.folder)):
            return []
        try:
            if "parts" not in self.content:
                return [{**UNKNOWN, "seconds": self.content.get("seconds", 0.0)}]
            # stopped before its turn came: nothing of the run is by that code
            return [part for part in self.content["parts"] if part["seconds"]]
        except (KeyError, TypeError) as error:
            raise self.unreadable(error) from None

    def open(
        self,
        code: Mapping[str, str] | None = None,
        *,
        again: bool = False,
        check: Callable[[], None] = lambda: None,
        **notes: Any,
    ) -> Path:
        """Make and lock the folder, write what is asked for and which code works on it now; return it.

        A run that is complete stays as it is, unless it is to be made ``again``. ``check`` is called before
        anything is written, and may raise.

        Raises
        ------
        Locked
            Another process works on the run.
        BurstpropError
            The folder cannot be written, or by now holds another run.
        """
        writable_folder(self.folder)
        lock = Lock(self.folder, f"burstprop {self.verb}")
        lock.take()
        self._lock = lock
        try:
            self.refresh()
            check()
            remove_partial(self.folder)
            if again or not self.complete:
                before = [] if self.complete else self.parts()
                parts = [*before, {**(code or UNKNOWN), "seconds": 0.0}]
                self.content = {"verb": self.verb, "task": self.task, **plain(notes), "parts": parts}
                self.write("running")
        except BaseException:
            self.release()
            _remove_empty(self.folder)
            raise
        return self.folder

    def write(self, status: str, **notes: Any) -> None:
        """Write ``run.json``: the status, and what else there is to note."""
        self.content = {"status": status, **{k: v for k, v in self.content.items() if k != "status"}}
        self.content |= plain(notes)
        write_json(self.folder / RUN_FILE, self.content)

    def finish(self, files: Iterable[str], seconds: float, **notes: Any) -> None:
        """Say that the run is complete, with these files, after ``seconds`` of this process; unlock it.

        The checkpoint goes only then, so that a process killed here loses nothing.
        """
        *before, own = self.content["parts"]
        parts = [*before, part_made(own, {**notes, "seconds": max(SHORTEST_S, seconds)})]
        total = round(sum(part["seconds"] for part in parts), 2)
        held = pieces(self.folder, files)
        self.write("complete", **{**notes, "seconds": total, "parts": parts, "files": held})
        Checkpoints(self.folder).forget()
        remove_partial(self.folder)
        self.release()

    def close(self, status: str, **notes: Any) -> None:
        """Say that the run has stopped, and unlock it; remove its folder where nothing in it is of use."""
        if self._lock is None:
            return
        if begun(self.folder):
            with contextlib.suppress(BurstpropError):  # the disk may be full, and why it stopped is known
                self.content = read_run(self.folder) | {"status": status}  # the seconds are the worker's
                self.write(status, **notes)
            self.release()
        else:
            (self.folder / RUN_FILE).unlink(missing_ok=True)
            self.release()
            _remove_empty(self.folder)

    def release(self) -> None:
        """Unlock the folder; nothing where it is not locked."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @contextlib.contextmanager
    def working(self, code: Mapping[str, str] | None = None, **how: Any) -> Iterator[Run]:
        """Hold the run open, as `open` does; what is not finished at the end was interrupted, or failed."""
        self.open(code, **how)
        try:
            yield self
        except KeyboardInterrupt:
            self.close("interrupted")
            raise
        except BaseException as error:
            self.close("failed", error=str(error))
            raise
        finally:
            self.release()

    def check_files(self) -> None:
        """Raise BurstpropError where a file of the complete run is not as it was written."""
        wrong = lost(self.folder, self.content.get("files", {}))
        if wrong:
            name, what = next(iter(wrong.items()))
            raise self.unreadable(f"{name} {what}")

    def clear(self) -> None:
        """Remove all that runs left in the folder: files of the result, runs inside, ``run.json``.

        What is no run's stays.
        """
        for name in self.content.get("files", {}):
            (self.folder / name).unlink(missing_ok=True)
        for inner in sorted(self.folder.glob(f"*/**/{RUN_FILE}")):
            if "status" in read_run(inner.parent):
                shutil.rmtree(inner.parent, ignore_errors=True)
        (self.folder / RUN_FILE).unlink(missing_ok=True)
        self.content = {}

    def unreadable(self, why: object) -> BurstpropError:
        """Return the error of a folder whose run cannot be used."""
        return BurstpropError(
            f"{str(self.folder)!r} cannot be read as a run ({why}): delete it, and the run is made again"
        )


def _remove_empty(folder: Path) -> None:
    """Remove a folder that holds nothing but empty folders; leave any other as it is."""
    inner = sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True)
    for path in [*inner, folder]:
        with contextlib.suppress(OSError):
            path.rmdir()


def _is_work(path: Path) -> bool:
    return path.is_file() and path.name not in (RUN_FILE, LOCK_FILE)


def _described(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _described(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__qualname__, **fields}
    if isinstance(value, Mapping):
        return {str(key): _described(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_described(item) for item in value]
    return plain(value)


def difference_of(there: Any, here: Any, path: str = "") -> str:
    """Return the first difference of two JSON contents in words, empty where they agree."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in sorted(there.keys() | here.keys()):
            place = f"{path}.{name}" if path else name
            if name not in there or name not in here:
                return f"{place} is only {'here' if name in here else 'there'}"
            words = difference_of(there[name], here[name], place)
            if words:
                return words
        return ""
    return "" if there == here else f"{path} is {there!r} there and {here!r} here"
