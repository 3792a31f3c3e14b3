"""A window that shows a picture file and follows its changes; it ends with the process that started it.

    python -m agent.answers.viewer runs/2026-01-31_12-00-00/samples/response.png

A process of its own: no toolkit of windows can hold up or crash what the agent does.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from sensors.system.rooms import child_process

LOOK = 200
"""Milliseconds between two looks at the file."""


class ViewerWindow:
    """Starts the viewer where there is a display.

    Args:
        path: of the picture.

    Attributes:
        problem: why there is no window, or empty.
    """

    def __init__(self, path: Path) -> None:
        self.problem = why_none()
        self._process: subprocess.Popen[bytes] | None = None
        if self.problem:
            return
        try:
            self._process = subprocess.Popen(
                **child_process("agent.answers.viewer", str(path.absolute()), "--follow-parent"),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            self.problem = f"the window cannot be opened ({error.strerror})"

    @property
    def open(self) -> bool:
        """Whether it is there; a person may have closed it."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """Close it; a viewer that hangs is killed."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(1.0)


def why_none() -> str:
    """Why no window can be shown here; empty where one can."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        return "no display (DISPLAY is not set)"
    try:
        import tkinter  # noqa: F401
    except ImportError:
        return "Python lacks tkinter; apt-get install python3-tk"
    return ""


def main() -> None:
    """Show the file that the command line names until the window, or standard input, is closed."""
    import tkinter

    path = Path(sys.argv[1])
    root = tkinter.Tk()
    root.title("Reciprocal: perceived and evoked")
    label = tkinter.Label(root, text=f"waiting for {path.name}", padx=40, pady=40)
    label.pack()
    gone = threading.Event()
    if "--follow-parent" in sys.argv:
        threading.Thread(target=_await_end, args=(sys.stdin.buffer, gone), daemon=True).start()
    shown: dict[str, object] = {"at": 0.0, "picture": None}

    def look() -> None:
        if gone.is_set():
            root.destroy()
            return
        try:
            at = path.stat().st_mtime
            if at != shown["at"]:
                picture = tkinter.PhotoImage(master=root, data=path.read_bytes())
                label.configure(image=picture, padx=0, pady=0)
                # Tk forgets a picture that nobody else remembers.
                shown["at"], shown["picture"] = at, picture
        except (OSError, tkinter.TclError):
            pass  # not there yet; written files are whole
        root.after(LOOK, look)

    look()
    root.mainloop()


def _await_end(stream: IO[bytes], gone: threading.Event) -> None:
    while stream.read(1024):
        pass
    gone.set()


if __name__ == "__main__":
    main()
