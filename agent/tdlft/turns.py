"""TDLFT in a stream: when a turn is due, how far it has got, and what the last one made.

A turn is due when enough labelled events have come since the last one. It takes a snapshot of both labelled tables and
works on that, piece by piece. Networks and embedding are learned anew when the parallel corpus has changed enough, and
else only the transfer is repeated; once nothing new is said any more, they are learned from all of it. A turn that was
cut off starts again from its snapshot and ends bitwise alike.
"""

import time
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agent.tdlft.config import TdlftTurnsConfig
from agent.tdlft.labelled_rows import HEARD, PAIRS, LabelledRows, LabelledTables, changed, take_rows
from agent.tdlft.lip_networks import LipNetworks
from agent.tdlft.turn import take_turn
from sensors.core.errors import TransferError
from sensors.core.state import StateDict, check_state

NOTHING: NDArray[np.int64] = np.zeros(0, np.int64)


class TdlftTurns:
    """TDLFT turns on the labelled tables of a replay.

    Args:
        config: settings.
        replay: where labelled events are.
        seed: of everything random.

    Attributes:
        networks: what the last turn made; None before the first has ended.
        turn: number of turns that have ended.
        rows: what the turn in progress learns from; none between turns.
    """

    VERSION = 1

    def __init__(self, config: TdlftTurnsConfig, replay: LabelledTables, seed: int) -> None:
        self.config = config
        self.replay = replay
        self.seed = seed
        self.turn = 0
        self.networks: LipNetworks | None = None
        self.rows: LabelledRows | None = None
        # Events that the tables had taken at the last snapshot, and at the one that is being taken.
        self._inserted = {PAIRS: 0, HEARD: 0}
        self._counted = self._inserted
        # Keys of the pairs that N_V and the embedding learned from; the last turn may have had more.
        self._trained = NOTHING
        # Keys of all that was there when the networks were last learned, speech without lips too.
        self._learned = NOTHING
        self._taking: Generator[None, None, LabelledRows] | None = None
        self._work: Generator[None, None, LipNetworks] | None = None
        self._waiting = ""

    @property
    def share(self) -> float:
        """Largest share of the learner's time, as configured."""
        return self.config.share

    @property
    def name(self) -> str:
        """The turn as people read it: lips learn from speech."""
        return "lips<speech" if self.rows is not None else ""

    def describe(self) -> list[str]:
        """Printable lines: what is learned from what, and how large the networks are."""
        sizes, config = "-".join(map(str, self.config.hidden)), self.config
        return [
            f"TDLFT({config.layer}) from speech to lips by '{config.embedding}': networks of {sizes} units, a turn "
            f"each {config.new_events} labelled events, at most {config.share:.0%} of the time beside SMART"
        ]

    def step(self) -> bool:
        """One piece of work, a fraction of a second long; false when no turn is due."""
        if self.rows is None:
            return self._take()
        if self._work is None:
            self._work = take_turn(self.config, self.rows, self._kept(), self.turn + 1, self.seed)
        try:
            next(self._work)
        except StopIteration as end:
            self._finish(end.value)
        except TransferError as error:
            # What is left of a failed turn must neither count as one nor be saved for the next start to fail on.
            self._work = self.rows = None
            raise TransferError(f"TDLFT turn {self.turn + 1}: {error} (settings are tdlft.…)") from error
        return True

    def run(self, seconds: float) -> float:
        """Work for about so long, longer by at most one piece.

        Returns:
            Seconds worked; 0 when no turn is due.
        """
        begun = time.monotonic()
        worked = 0.0
        while worked < seconds and self.step():
            worked = time.monotonic() - begun
        return worked

    def waiting(self) -> str:
        """Why no turn is due, for people."""
        return self._waiting

    def figures(self) -> dict[str, float]:
        """Turns ended, and how much the last one learned from; empty before the first."""
        made = self.networks
        if made is None:
            return {}
        return {
            "tdlft/turns": float(self.turn),
            "tdlft/pairs": float(made.pairs),
            "tdlft/heard": float(made.heard),
            "tdlft/letters": float(made.video.classes),
        }

    def _take(self) -> bool:
        """Go on with the snapshot, or begin it when enough is new."""
        if self._taking is None:
            if not self._due():
                return False
            self._taking = take_rows(self.replay)
        try:
            next(self._taking)
        except StopIteration as end:
            self._taking = None
            self._begin(end.value)
        return True

    def _due(self) -> bool:
        present, now = self.replay.kinds(), {}
        for kind in (PAIRS, HEARD):
            now[kind] = self.replay.inserted(kind) if kind in present else 0
        # A table that holds less than it did was made anew.
        new = sum(now[kind] - (before if now[kind] >= before else 0) for kind, before in self._inserted.items())
        least = self.config.min_pairs
        if now[PAIRS] < least:
            self._waiting = f"replay holds {now[PAIRS]} of {least} {PAIRS} events"
            return False
        if new < self.config.new_events:
            self._waiting = f"{new} of {self.config.new_events} new labelled events have come"
            return False
        self._counted = now
        return True

    def _begin(self, rows: LabelledRows) -> None:
        # Only now: a snapshot that is cut off has not been.
        self._inserted = self._counted
        if not rows.enough(self.config.min_pairs):
            self._waiting = f"{len(rows.labels)} different {PAIRS} events are too few, or of one letter"
        elif self._rests(rows) and self._suits() and not changed(self._learned, rows.keys):
            self._waiting = "nothing was said that was not said before"
        else:
            self.rows = rows

    def _rests(self, rows: LabelledRows) -> bool:
        """Whether these are the events of the last turn."""
        return self.networks is not None and not changed(self.networks.keys, rows.keys)

    def _kept(self) -> LipNetworks | None:
        """Networks and embedding, unless the parallel corpus or the settings have changed too much for them.

        Once nothing new is said, they are learned from all that there is.
        """
        assert self.rows is not None
        stale = changed(self._trained, self.rows.pair_keys) >= self.config.refit_share
        return None if stale or self._rests(self.rows) or not self._suits() else self.networks

    def _suits(self) -> bool:
        """Whether the networks are of the sizes and settings that are asked for now."""
        known, config = self.networks, self.config
        if known is None:
            return False
        made = known.video.sizes[1:], known.audio.config, known.video.config, known.layer, known.embedding.config
        return made == (config.hidden, config.audio, config.video, config.layer, config.fitting)

    def _finish(self, made: LipNetworks) -> None:
        assert self.rows is not None
        if self._kept() is None:
            self._trained, self._learned = self.rows.pair_keys, self.rows.keys
        self.networks, self.rows, self._work = made, None, None
        self.turn += 1

    def state_dict(self) -> StateDict:
        """Networks, embedding, counters, and in a turn its snapshot."""
        return {
            "version": self.VERSION,
            "seed": self.seed,
            "turn": self.turn,
            "inserted": dict(self._inserted),
            "trained": torch.from_numpy(self._trained.copy()),
            "learned": torch.from_numpy(self._learned.copy()),
            "networks": None if self.networks is None else self.networks.state_dict(),
            "rows": None if self.rows is None else self.rows.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore exactly; a turn that was cut off starts again from its snapshot.

        Raises:
            StateError: a part is missing or unknown, or does not fit the rest.
        """
        keys = {"seed", "turn", "inserted", "trained", "learned", "networks", "rows"}
        check_state(state, keys, self.VERSION, "TDLFT turns")
        networks = None if state["networks"] is None else LipNetworks.from_state(state["networks"])
        rows = None if state["rows"] is None else LabelledRows.from_state(state["rows"])
        check_state({"version": 1, **state["inserted"]}, {PAIRS, HEARD}, 1, "TDLFT turns' counts")
        self.networks, self.rows = networks, rows
        self.seed, self.turn = int(state["seed"]), int(state["turn"])
        self._inserted = {kind: int(count) for kind, count in state["inserted"].items()}
        self._trained, self._learned = (
            np.array(state[name].cpu().numpy(), np.int64) for name in ("trained", "learned")
        )
        self._taking = self._work = None
