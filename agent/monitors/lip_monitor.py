"""The monitor of lip reading: trains its judge, examines TDLFT's turns, keeps what speech made the learner imagine."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from agent.config import MonitorConfig
from agent.exams.lip_exam import (
    Accuracy,
    LipGrades,
    TrainingPart,
    examine_lips,
    imagine,
    reconstruct,
    score,
    train_oracle,
)
from agent.exams.lip_judge import LipJudge, build_judge
from agent.exams.lip_sheet import Shown, draw_film, draw_lips, encode_gif, encode_png, one_each
from agent.monitors.monitor import Findings, InOnePiece, replace_file
from agent.tdlft.config import TdlftTurnsConfig
from agent.tdlft.lip_networks import LipNetworks
from agent.tdlft.lips import to_rows
from teacher.datasets.core.samples import Bytes
from teacher.datasets.letters import LetterData

PICTURES = 10
"""Newest contact sheets and moving pictures that are kept."""
DRAW_EVERY = 5
"""Exams from one contact sheet to the next; the first and the final exam always draw."""


@dataclass(frozen=True)
class Verdicts:
    """How much of what kind of clip the judge reads.

    Attributes:
        real: of real test clips.
        reconstructed: of the same after a way up to layer i of N_V and down again.
        imagined: of what the test part's speech evokes.
        among_unseen: of imagined clips of unseen letters, where it may answer no other letter.
    """

    real: Accuracy
    reconstructed: Accuracy
    imagined: Accuracy
    among_unseen: float


class LipMonitor(InOnePiece):
    """Exams of lip reading on the corpus' test part.

    Args:
        config: settings.
        data: the corpus; the learner's teacher has the same training part.
        tdlft: the learner's settings, which the oracle shares.
        samples: directory of contact sheets and moving pictures.
        cache: directory of trained judges.
    """

    def __init__(
        self, config: MonitorConfig, data: LetterData, tdlft: TdlftTurnsConfig, samples: Path, cache: Path | None
    ) -> None:
        self.config = config
        self.data = data
        self.tdlft = tdlft
        self.samples = samples
        self.cache = cache
        utterances = data.utterances
        self.judge: LipJudge | None = None
        self.speech = np.array(utterances.speech[data.test])
        self.lips = np.array(utterances.stored_lips[data.test])
        self.letters = utterances.letters[data.test]
        self.taught = TrainingPart.of(data)
        self._last_exam = -1e9
        self._exams = 0

    @property
    def ready(self) -> bool:
        """Whether the judge is trained."""
        return self.judge is not None

    @property
    def due(self) -> bool:
        """Whether the interval between exams has passed; reading lips needs no judge."""
        return time.monotonic() - self._last_exam >= self.config.every

    def train(self, seconds: float) -> Findings:
        """Train the judge, or take it from the cache; it takes a few seconds, whatever `seconds` says."""
        self.judge = build_judge(self.data, self.cache)
        words = f"{self.judge.accuracy:.2%} of {len(self.letters):,} real test clips of {self.data.utterances.name}"
        return Findings(self._judged(self.judge), f"judge of lips ready: reads {words}")

    def examine(self, networks: LipNetworks, whole: bool = False) -> Findings:
        """One exam: figures, and now and then a contact sheet and a moving picture.

        Args:
            networks: what the learner published.
            whole: call it final; every exam is on all test clips.
        """
        self._last_exam = time.monotonic()
        data = self.data
        grades = examine_lips(networks, self.lips, self.letters, data.seen, data.unseen)
        oracle = self._oracle(networks)
        verdicts = self._imagine(networks, grades, whole)
        self._exams += 1
        figures: dict[str, float | str] = {
            "exam/lips_all": grades.tuned.all,
            "exam/lips_seen": grades.tuned.seen,
            "exam/lips_unseen": grades.tuned.unseen,
            "exam/lips_harmonic": grades.tuned.harmonic,
            "exam/lips_among_unseen": grades.among_unseen,
            "exam/lips_unimodal": grades.unimodal.all,
            "exam/lips_unimodal_seen": grades.unimodal.seen,
            "exam_count/lips": float(len(self.letters)),
            "examined/turn": float(grades.turn),
        }
        name = "final lip reading" if whole else "lip reading"
        note = f"{name} after turn {grades.turn} ({grades.pairs} pairs, {grades.heard} heard): {_words(grades.tuned)}"
        note += f"; unimodal {grades.unimodal.all:.0%}"
        if oracle is not None:
            figures |= {
                "exam/lips_oracle": oracle.all,
                "exam/lips_oracle_seen": oracle.seen,
                "exam/lips_oracle_unseen": oracle.unseen,
            }
            note += f"; oracle {oracle.all:.0%}, unseen {oracle.unseen:.0%}"
        if verdicts is not None:
            imagined, reconstructed = verdicts.imagined, verdicts.reconstructed
            figures |= {
                "exam/lips_imagined": imagined.all,
                "exam/lips_imagined_seen": imagined.seen,
                "exam/lips_imagined_unseen": imagined.unseen,
                "exam/lips_imagined_among_unseen": verdicts.among_unseen,
                "exam/lips_reconstructed": reconstructed.all,
                "exam/lips_reconstructed_seen": reconstructed.seen,
                "exam/lips_reconstructed_unseen": reconstructed.unseen,
            }
            note += (
                f"; the judge reads {imagined.all:.0%} of imagined lips, {reconstructed.all:.0%} of reconstructed, "
                f"{verdicts.real.all:.0%} of real ones (chance {self.chance:.0%})"
            )
        if self.judge is not None:
            figures |= self._judged(self.judge)
        return Findings(figures, note)

    @property
    def chance(self) -> float:
        """What a guess among all letters gets right."""
        return 1 / (len(self.data.seen) + len(self.data.unseen))

    def _oracle(self, networks: LipNetworks) -> Accuracy | None:
        """What the perfect transfer would have reached; None while no letter has been transferred."""
        oracle = train_oracle(networks, self.taught, self.tdlft)
        if oracle is None:
            return None
        return score(oracle.predict(to_rows(self.lips)), self.letters, self.data.seen, self.data.unseen)

    def _imagine(self, networks: LipNetworks, grades: LipGrades, whole: bool) -> Verdicts | None:
        """Grade what test speech evokes, and draw it when it is time to; without a judge only the latter."""
        drawing = whole or self._exams % DRAW_EVERY == 0
        judge = self.judge
        if judge is None and not drawing:
            return None
        imagined = imagine(networks, self.speech)
        verdicts = None
        if judge is not None:
            seen, unseen = self.data.seen, self.data.unseen
            clips = (self.lips, reconstruct(networks, self.lips), imagined)
            real, again, evoked = (score(judge.grade(c), self.letters, seen, unseen) for c in clips)
            among = score(judge.grade(imagined, unseen), self.letters, seen, unseen)
            verdicts = Verdicts(real, again, evoked, among.unseen)
        if drawing:
            self._draw(imagined, grades, verdicts, "final" if whole else f"turn-{grades.turn:04d}")
        return verdicts

    def _draw(self, imagined: Bytes, grades: LipGrades, verdicts: Verdicts | None, name: str) -> None:
        picked = one_each(self.letters)
        names, letters = self.data.names, self.letters[picked]
        judged: list[list[str]] = [[], []]
        if self.judge is not None:
            judged = [[names[n] for n in self.judge.grade(clips[picked])] for clips in (self.lips, imagined)]
        unseen = np.isin(letters, self.data.unseen)
        shown = Shown([names[n] for n in letters], unseen, self.lips[picked], imagined[picked], judged[0], judged[1])
        title = f"turn {grades.turn}, {self.data.utterances.name}: what each letter's speech evokes, below real lips"
        if verdicts is not None:
            title += f". The judge reads of real clips {verdicts.real.all:.0%}; imagined: {_words(verdicts.imagined)}"
        png, gif = encode_png(draw_lips(shown, title)), encode_gif(draw_film(shown))
        report = {
            "turn": grades.turn,
            "pairs": grades.pairs,
            "heard": grades.heard,
            "corpus": self.data.utterances.name,
            "lip reading": asdict(grades.tuned),
            "unimodal": asdict(grades.unimodal),
            "letters": list(names),
            "confusion (true x read)": grades.confusion.tolist(),
            "judge of lips": None if verdicts is None else asdict(verdicts),
        }
        for end, content in ((".png", png), (".gif", gif), (".json", json.dumps(report).encode())):
            replace_file(self.samples / f"lips-{name}{end}", content)
        replace_file(self.samples / "lips-latest.png", png)
        replace_file(self.samples / "lips-latest.gif", gif)
        for old in sorted(self.samples.glob("lips-turn-*.png"))[:-PICTURES]:
            for end in (".png", ".gif", ".json"):
                old.with_suffix(end).unlink(missing_ok=True)

    @staticmethod
    def _judged(judge: LipJudge) -> dict[str, float | str]:
        return {"judge/lips": judge.accuracy}


def _words(accuracy: Accuracy) -> str:
    return f"all {accuracy.all:.0%}, seen {accuracy.seen:.0%}, unseen {accuracy.unseen:.0%}"
