"""Replay as one algorithm sees it: the tables that the algorithm declared usable, and no others."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sensors.core.errors import StorageError
from sensors.core.state import StateDict

if TYPE_CHECKING:
    from agent.events.turns import Batch, Replay


class UsableReplay:
    """A replay without the tables that an algorithm may not learn from.

    Args:
        replay: all tables.
        usable: whether the algorithm learns from a table of this kind.
        name: of the algorithm, for messages.
    """

    def __init__(self, replay: "Replay", usable: Callable[[str], bool], name: str) -> None:
        self._replay = replay
        self._usable = usable
        self._name = name

    def kinds(self) -> list[str]:
        """Usable tables that exist now."""
        return [kind for kind in self._replay.kinds() if self._usable(kind)]

    def size(self, kind: str) -> int:
        """Events that the table holds.

        Raises:
            StorageError: the table is not usable.
        """
        return self._replay.size(self._checked(kind))

    def deficit(self, kind: str) -> float:
        """Samples that the table asks for.

        Raises:
            StorageError: the table is not usable.
        """
        return self._replay.deficit(self._checked(kind))

    def sample(self, kind: str, count: int, selector: str = "uniform", **options: Any) -> "Batch":
        """Draw a batch.

        Raises:
            StorageError: the table is not usable.
        """
        return self._replay.sample(self._checked(kind), count, selector, **options)

    def state_dict(self) -> StateDict:
        """That of the replay behind it."""
        return self._replay.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore that of the replay behind it."""
        self._replay.load_state_dict(state)

    def _checked(self, kind: str) -> str:
        if not self._usable(kind):
            raise StorageError(
                f"{self._name} may not read the table {kind}: its declaration does not call the table usable, or "
                "the table is labelled and the declaration lacks labels=True"
            )
        return kind
