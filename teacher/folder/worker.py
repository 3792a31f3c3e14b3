"""A process that reads samples from files for `teacher.folder.pool`: one name in, one sample out, until its input ends.

Run as `python -m teacher.folder.worker`. Its input is lines of JSON: the first names the sense and says how the process
is set up, each other one is the path of a file. Its output is a line of JSON for each: for the first an empty text, or
why the process cannot begin; for a file an empty text, which the bytes of the sample follow (stored dtype, C order), or
why the file is left out.
"""

import json
import os
import signal
import sys
from pathlib import Path

import cv2

from sensors.plugins import apply_setup
from teacher.folder.reading import reader


def main() -> None:
    """Serve one parent."""
    # What libraries print must not come between the samples.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    setup = json.loads(sys.stdin.buffer.readline())
    try:
        apply_setup(setup["process"])
        read = reader(setup["sense"])
    except Exception as error:  # a plugin may raise anything
        out.write(json.dumps(f"{type(error).__name__}: {error}").encode() + b"\n")
        return
    out.write(json.dumps("").encode() + b"\n")
    out.flush()
    for line in sys.stdin.buffer:
        sample, reason = read(Path(json.loads(line)))
        out.write(json.dumps(reason).encode() + b"\n")
        if sample is not None:
            out.write(sample.tobytes())
        out.flush()


if __name__ == "__main__":
    main()
