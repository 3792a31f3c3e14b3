"""A prompted session as an exam set: files in the form of a folder of things, DIR/SENSE/LABEL/FILE.

`--teach DIR --judges DIR` then examines a run on it, as a teacher's exam does.
"""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sensors.browsers.prompts import Prompt
from sensors.core.errors import SourceError
from sensors.perception.pairing import Moment
from sensors.senses import Stream

USE = "exam"
"""What such prompts are for."""
MOST = 100_000
"""Files that one process writes at most."""


class KeptExam:
    """Writes what bears a label to a folder.

    Args:
        directory: made if it is not there.
        streams: of the senses, by name.
        config: of perception.
        name: of the browser, for the files' names.
        clock: of seconds since 1970.

    Raises:
        SourceError: the folder cannot be made.
    """

    def __init__(
        self,
        directory: Path,
        streams: Mapping[str, Stream],
        config: Any,
        name: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory, self._streams, self._config = directory, streams, config
        self._name = "".join(c if c.isalnum() else "-" for c in name)
        self._clock = clock
        self.written = 0
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(f"--exam {directory}: cannot be made ({error.strerror}); choose another folder") from None

    def refuse(self, label: str) -> str:
        """Why nothing of such a label can be kept: it must be the name of a folder."""
        if label.startswith(".") or "/" in label or "\\" in label or len(label.encode()) > 200:
            return "a label of an exam is the name of a folder: without '/' and a '.' at its beginning"
        return "" if self.written < MOST else "the exam set is full"

    def keep(self, prompt: Prompt, moment: Moment) -> str:
        """Write a file for each sense."""
        stamp = f"{self._name}-{int(1000 * self._clock())}"
        for name, percept in moment.percepts.items():
            file = self._streams[name].file
            if file is None:
                return f"{name} cannot be kept as a file"
            ending, data = file(percept, self._config)
            path = self._directory / name / prompt.label / f"{stamp}{ending}"
            beside = path.with_name(f".{path.name}.new")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                beside.write_bytes(data)
                os.replace(beside, path)
            except OSError as error:
                return f"{path.parent} cannot be written ({error.strerror})"
            self.written += 1
        return ""
