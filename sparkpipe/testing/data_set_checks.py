"""Whether a data set is what it declares: its declarations against real loads and saves."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sparkpipe.errors import DataSetError
from sparkpipe.io import DataCatalog
from sparkpipe.io.declared import (
    can_tell_presence,
    find_useless,
    is_confirmable,
    is_memory_only,
    is_single_process,
    is_transactional,
    load_effect,
    location_of,
    missing_data,
    save_effect,
    state_of,
    target_of,
    unwrapped,
    why_unreadable,
    why_unwritable,
)
from sparkpipe.io.tokens import path_state
from sparkpipe.runner.crossing import why_thing_stays


def check_data_set(
    make: Callable[[Path], Any],
    first: Any,
    second: Any,
    folder: Path,
    *,
    after: Any = None,
    read: Callable[[Any], Any] | None = None,
    opened: Callable[[Any], Callable[[], Any]] | None = None,
    spoilt: Any = None,
    fill: Callable[[Path], None] | None = None,
) -> None:
    """Check what a data set declares against what loads, saves and failures really do.

    It saves ``first``, then ``second`` to the same place, and looks after each step whether the
    declarations hold. For a state to change, the two must differ in size.

    Args:
        make: Returns a new data set in a folder; the same place for the same folder.
        first: Data to save.
        second: Other data to save.
        folder: An empty folder.
        after: What is loaded after both saves; needed where that is neither of the two, and then of
            the same form as ``read`` returns.
        read: Turns what was loaded, and ``first`` and ``second``, into what ``==`` compares.
        opened: Begins to read what was loaded, and returns what reads the rest of it; for one that
            says that it is transactional.
        spoilt: Data whose save fails.
        fill: Puts ``first`` in the folder, for a data set that is only read.

    Raises:
        AssertionError: A declaration is not so; says which, and what was found.
    """
    _Walk(
        make, first, second, folder, after, read or (lambda data: data), opened, spoilt, fill
    ).go()


@dataclass
class _Walk:
    make: Callable[[Path], Any]
    first: Any
    second: Any
    folder: Path
    after: Any
    read: Callable[[Any], Any]
    opened: Callable[[Any], Callable[[], Any]] | None
    spoilt: Any
    fill: Callable[[Path], None] | None
    data_set: Any = field(init=False)

    def go(self) -> None:
        self.data_set = self.new()
        self.check_answers()
        self.check_nothing_there()
        before = self.state_of_target()
        if not self.check_first_save():
            return
        self.check_inside()
        self.check_place(before)
        self.check_load()
        self.check_state_without_a_save()
        self.check_processes()
        self.check_second_save()
        self.check_confirming()

    def new(self) -> Any:
        return self.make(self.folder)

    def loaded(self) -> Any:
        """Return what another data set of the same place loads: this one may remember."""
        return self.read((self.data_set if is_memory_only(self.data_set) else self.new()).load())

    def check_answers(self) -> None:
        for declaration, why in find_useless(self.data_set).items():
            raise AssertionError(f"{type(self.data_set).__name__}.{declaration}() {why}")

    def check_presence(self, expected: bool, why: str) -> None:
        if can_tell_presence(self.data_set) and not why_unreadable(self.data_set):
            self.same("exists", self.data_set.exists(), expected, why)

    def state_of_target(self) -> str | None:
        """Return the state of what lies where the target says, on local disk; None elsewhere."""
        path = target_of(self.data_set).partition("::")[0]
        return path_state(path) if path.startswith("/") else None

    def check_nothing_there(self) -> None:
        one = self.data_set
        if _fails(one.load):
            self.check_presence(False, "as a load fails")
        missing = missing_data(one)
        if missing:
            self.expect(_fails(one.load), "_missing", missing, "a load found something")
        self.same(
            "target", target_of(one), target_of(self.new()), "of another one of the same place"
        )
        if is_memory_only(one):
            self.same("target", target_of(one), "", "as it lies in memory")

    def check_first_save(self) -> bool:
        """Save, or see that it fails; return whether there is data now."""
        one = self.data_set
        reason = why_unwritable(one)
        if reason:
            error = _fails(lambda: one.save(self.first))
            self.expect(error, "why_unwritable", reason, "it was saved")
            if self.fill is not None:
                self.fill(self.folder)
            return self.fill is not None
        error = _fails(lambda: one.save(self.first))
        self.expect(error is None, "why_unwritable", reason, f"the save failed: {error}")
        return True

    def check_inside(self) -> None:
        inner = unwrapped(self.data_set)
        if inner is not self.data_set and not why_unreadable(inner):
            found, error = _tried(lambda: self.read(inner.load()))
            told = f"that does not hold what was saved: {error or found!r}"
            self.expect(found == self.read(self.first), "wrapped", inner, told)

    def check_place(self, before: str | None) -> None:
        location, target = location_of(self.data_set), target_of(self.data_set)
        if target:
            self.expect(location, "location", location, f"its target is {target}")
        if target.startswith("/"):
            path = target.partition("::")[0]
            self.expect(Path(path).exists(), "target", target, "nothing is there after a save")
            changed = before is None or self.state_of_target() != before
            self.expect(changed, "target", target, "a save changes nothing there")
            self.expect(
                Path(location).exists(), "location", location, "nothing is there after a save"
            )

    def check_load(self) -> None:
        one = self.data_set
        reason = why_unreadable(one)
        if reason:
            self.expect(_fails(one.load), "why_unreadable", reason, "it was loaded")
            return
        error = _fails(one.load)
        self.expect(error is None, "why_unreadable", reason, f"the load failed: {error}")
        self.same("why_unreadable", self.read(one.load()), self.read(self.first), "which was saved")
        self.same("_missing", missing_data(one), "", "as there is data")
        self.check_presence(True, "as there is data")

    def check_state_without_a_save(self) -> None:
        state = state_of(self.data_set)
        self.same("state", state_of(self.data_set), state, "as nothing was saved in between")
        if not is_memory_only(self.data_set):
            self.same("state", state_of(self.new()), state, "of another one of the same place")

    def check_confirming(self) -> None:
        error = _fails(lambda: DataCatalog({"it": self.data_set}).confirm("it"))
        declared = is_confirmable(self.data_set)
        self.expect((error is None) == declared, "is_confirmable", declared, f"confirming: {error}")

    def check_processes(self) -> None:
        one = self.data_set
        readable = not why_unreadable(one)
        if is_memory_only(one):
            found = _fails(self.new().load) is None
            self.expect(not found, "is_memory_only", True, "another one loads what was saved")
        elif readable:
            error = _fails(self.new().load)
            told = f"another one of the same place does not load what was saved: {error}"
            self.expect(error is None, "is_memory_only", False, told)
        stays = why_thing_stays(one) or (why_thing_stays(one.load()) if readable else "")
        if is_single_process(one):
            self.expect(stays or not readable, "is_single_process", True, "it can be pickled")
            return
        self.expect(not stays, "is_single_process", False, stays)
        copy = pickle.loads(pickle.dumps(one))
        if is_memory_only(one):
            copy.save(self.second)
            told = "what a copy has saved is seen"
            self.expect(self.loaded() == self.read(self.first), "is_memory_only", True, told)
        elif readable:
            self.same(
                "is_single_process", self.read(copy.load()), self.read(self.first), "in a copy"
            )

    def check_second_save(self) -> None:
        one = self.new() if not is_memory_only(self.data_set) else self.data_set
        if why_unwritable(one):
            return
        readable = not why_unreadable(one)
        state, files = state_of(one), _files(self.folder)
        transactional = is_transactional(one)
        held = one.load() if readable else None
        rest = self.opened(one.load()) if transactional and self.opened and readable else None
        if self.spoilt is not None:
            error = _fails(lambda: one.save(self.spoilt))
            self.expect(error, "why_unwritable", "", "what was to fail was saved")
            if transactional and readable:
                kept = self.loaded()
                self.same("is_transactional", kept, self.read(self.first), "as a save failed")
        error = _fails(lambda: one.save(self.second))
        effect = save_effect(one)
        if effect != "keep":
            self.expect(error is None, "save_effect", effect, f"a second save failed: {error}")
        if rest is not None:
            found, failed = _tried(rest)
            told = f"a reader that had begun before a save got {failed or found!r}"
            expected = self.read(self.first)
            self.expect(failed is None and found == expected, "is_transactional", True, told)
        self.check_effect(effect, readable, files)
        if readable and effect in ("merge", "part"):
            self.check_same_again(one, effect)
        if readable:
            self.check_what_was_loaded(held)
        if state is not None and error is None:
            changed = state_of(self.new()) != state
            wrote = _files(self.folder) != files if effect == "keep" else True
            self.expect(changed or not wrote, "state", state, "it stays so after a save")
            self.expect(wrote or not changed, "state", state, "it changes without a save")

    def check_what_was_loaded(self, held: Any) -> None:
        declared, first = load_effect(self.data_set), self.read(self.first)
        if declared == "fixed":
            self.same("load_effect", self.loaded(), first, "where it says 'fixed'")
        elif declared == "snapshot":
            told = "what was loaded is another after a save"
            self.expect(self.read(held) == first, "load_effect", declared, told)

    def check_effect(self, effect: str, readable: bool, files: dict[str, bytes]) -> None:
        if effect == "keep":
            now = _files(self.folder)
            gone = [name for name, content in files.items() if now.get(name) != content]
            self.expect(not gone, "save_effect", effect, f"a second save changed {gone[:3]}")
        if not readable:
            return
        found = self.loaded()
        first, second = self.read(self.first), self.read(self.second)
        if self.after is not None:
            self.same("save_effect", found, self.after, f"where it says '{effect}'")
        elif effect in ("keep", "replace"):
            expected = first if effect == "keep" else second
            self.same("save_effect", found, expected, f"where it says '{effect}'")
        if effect in ("append", "merge", "part"):
            told = f"{found!r} is all that is there"
            self.expect(found not in (first, second), "save_effect", effect, told)
        if effect == "replace":
            self.same("save_effect", found, second, "where it says 'replace'")

    def check_same_again(self, one: Any, effect: str) -> None:
        found = self.loaded()
        one.save(self.second)
        grown = self.loaded() != found
        self.expect(not grown, "save_effect", effect, "the same, saved again, is added")

    # What was found

    def expect(self, holds: Any, declaration: str, declared: Any, found: str) -> None:
        if not holds:
            kind = type(self.data_set).__name__
            raise AssertionError(f"{kind}.{declaration}() says {declared!r}, but {found}")

    def same(self, declaration: str, found: Any, expected: Any, why: str) -> None:
        if found != expected:
            kind = type(self.data_set).__name__
            told = f"{kind}.{declaration}(): found {found!r}, not {expected!r}, {why}"
            raise AssertionError(told)


def _tried(step: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Return what a step returns, and its error."""
    try:
        return step(), None
    except Exception as exc:
        return None, exc if str(exc) else DataSetError(type(exc).__name__)


def _fails(step: Callable[[], Any]) -> Exception | None:
    """Return the error of a step; None if it succeeds."""
    return _tried(step)[1]


def _files(folder: Path) -> dict[str, bytes]:
    """Return the content of each file in a folder, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
