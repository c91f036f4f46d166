"""What the page can do: the next photos, answers, undo. It is independent of HTTP."""

import random
from collections.abc import Iterable, Sequence
from threading import RLock
from typing import Any

from flows.label.labels import Answer, ConflictError, LabelFiles, class_name, key
from flows.label.photos import Photo
from flows.label.proposals import Knowledge, Proposals

BATCH = 10
"""So many photos are chosen at once; then the others are ranked again."""
AHEAD = 3
"""So many photos the page gets at once, so that the next one is there when a key is pressed."""


class LabelSession:
    """The photos of a folder and the answers about them; safe for concurrent threads."""

    def __init__(
        self, photos: Sequence[Photo], files: LabelFiles, knowledge: Knowledge, classes: Iterable[str] = ()
    ) -> None:
        """Begin, or go on where an earlier session stopped.

        Args:
            photos: The photos.
            files: The files with the answers.
            knowledge: Features and probabilities of the photos, as far as they are known.
            classes: The classes that the run has.

        Raises:
            UserError: The files can't be read.
        """
        self.photos = photos
        self._files = files
        self.knowledge = knowledge
        self._at = {photo.digest: position for position, photo in enumerate(photos)}
        self._classes = sorted(classes)
        self._answers = files.read()
        self._skipped_before = {name for name, answer in self._answers.items() if answer.kind == "skipped"}
        self._queue: list[tuple[int, Proposals]] = []
        self._made: list[tuple[int, Answer | None, Answer]] = []
        """The answers of this session, the latest last: the photo, the answer before, and the new one."""
        self._unreadable: set[int] = set()
        self._shuffled = random.Random(0).sample(range(len(photos)), len(photos))  # photos of a burst are alike
        self._lock = RLock()

    @property
    def labelled(self) -> int:
        """Number of photos that have a class in the file of labels."""
        with self._lock:
            return sum(answer.kind == "label" for answer in self._answers.values())

    @property
    def left(self) -> int:
        """Number of photos of the folder without an answer."""
        with self._lock:
            return sum(self._kind(position) is None for position in range(len(self.photos)))

    def leave_out(self, positions: Iterable[int]) -> None:
        """Don't ask for photos that can't be decoded."""
        with self._lock:
            self._unreadable.update(positions)
            self._queue = [(position, found) for position, found in self._queue if position not in self._unreadable]

    def state(self) -> dict[str, Any]:
        """Return the next photos with their proposals, the classes, and the counts."""
        with self._lock:
            self._fill()
            kinds = [self._kind(position) for position in range(len(self.photos))]
            return {
                "next": [self._row(position, proposals) for position, proposals in self._queue[:AHEAD]],
                "classes": self._all_classes(),
                "undoable": bool(self._made),
                "counts": {
                    "total": len(kinds),
                    "unreadable": len(self._unreadable),
                    "known": self.knowledge.count,
                    **{kind: kinds.count(kind) for kind in ("label", "none", "skipped")},
                },
            }

    def answer(self, digest: str, kind: str, label: str, shown: Answer | None) -> dict[str, Any]:
        """Save an answer; returns the new state, with the name of the class as it was saved.

        Args:
            digest: The photo's SHA-256.
            kind: label, none or skipped.
            label: The class, if kind is label; a new name makes a new class.
            shown: The answer that the page showed.

        Raises:
            ValueError: The answer isn't valid, or the page doesn't have this photo.
            ConflictError: Somebody else has answered meanwhile; nothing is written, and the page goes on.
        """
        with self._lock:
            position = self._position(digest)
            chosen = class_name(label, {key(name): name for name in self._all_classes()}) if kind == "label" else ""
            given = Answer(kind, chosen)  # type: ignore[arg-type]  # it checks the kind
            self._write(position, given, shown)
            self._made.append((position, shown, given))
            return {"saved": given.label, **self.state()}

    def undo(self) -> dict[str, Any]:
        """Take back the last answer of this session; its photo is asked for again.

        Raises:
            ValueError: There is none.
            ConflictError: Somebody else has changed it since.
        """
        with self._lock:
            if not self._made:
                raise ValueError("nothing to undo")
            position, before, made = self._made.pop()
            self._write(position, before, made)
            if before:  # it was skipped on an earlier day
                self._skipped_before.add(self.photos[position].name)
            self._queue.insert(0, (position, self._propose(position)))
            return self.state()

    # ---- inside, with the lock

    def _write(self, position: int, answer: Answer | None, shown: Answer | None) -> None:
        name = self.photos[position].name
        try:
            self._answers = self._files.answer(name, answer, shown)
        except ConflictError:
            self._answers = self._files.read()
            self._skipped_before.discard(name)
            raise
        self._skipped_before.discard(name)

    def _fill(self) -> None:
        """Rank the open photos again, if few of the last batch are left."""
        self._queue = [(position, found) for position, found in self._queue if not self._has(position)]
        if len(self._queue) >= AHEAD:
            return
        queued = {position for position, _ in self._queue}
        open_ = [at for at in self._shuffled if at not in queued and at not in self._unreadable and not self._has(at)]
        first = [position for position in open_ if self._kind(position) is None]
        open_ = first or open_  # what was skipped on an earlier day comes last
        answered = [at for at in range(len(self.photos)) if self._kind(at) in ("label", "none")] + list(queued)
        chosen = self.knowledge.choose(answered, self._labels(), open_, BATCH)
        if len(chosen) + len(self._queue) < AHEAD:  # no network has seen them yet
            ranked = {position for position, _ in chosen}
            chosen += [(at, []) for at in open_ if at not in ranked][: AHEAD - len(chosen)]
        self._queue += chosen

    def _propose(self, position: int) -> Proposals:
        found = self.knowledge.choose([], self._labels(), [position], 1)
        return found[0][1] if found else []

    def _labels(self) -> dict[int, str]:
        answers = {at: self._answers.get(photo.name) for at, photo in enumerate(self.photos)}
        return {at: answer.label for at, answer in answers.items() if answer and answer.kind == "label"}

    def _has(self, position: int) -> bool:
        """Whether the photo has an answer that needs no other one in this session."""
        name = self.photos[position].name
        return name in self._answers and name not in self._skipped_before

    def _kind(self, position: int) -> str | None:
        answer = self._answers.get(self.photos[position].name)
        return answer.kind if answer else None

    def _position(self, digest: str) -> int:
        if digest not in self._at:
            raise ValueError("this photo is not on this page; reload the page")
        return self._at[digest]

    def _all_classes(self) -> list[str]:
        """Return the run's classes, then those that were typed; so that keys stay where they are."""
        typed = [answer.label for answer in self._answers.values() if answer.kind == "label"]
        return list(dict.fromkeys([*self._classes, *typed]))

    def _row(self, position: int, proposals: Proposals) -> dict[str, Any]:
        photo = self.photos[position]
        answer = self._answers.get(photo.name)
        return {
            "photo": photo.digest,
            "name": photo.name,
            "proposals": [{"label": label, "probability": round(value, 4)} for label, value in proposals],
            "answer": {"kind": answer.kind, "label": answer.label} if answer else None,
        }
