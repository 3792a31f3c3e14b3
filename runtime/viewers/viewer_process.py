"""The process that shows a live run in rerun: started once the page is there, ended with the run, never waited for."""

import contextlib
import os
import subprocess
import tempfile
import urllib.parse
from typing import IO

from runtime.viewers.follow import TOKEN
from runtime.viewers.rerun_log import FILE_SUFFIX
from sensors.system.rooms import child_process

CLOSE_WITHIN = 3.0
"""Seconds that the process has at the end to write what is left."""


class ViewerProcess:
    """Starts the process and looks after it.

    Args:
        where: as `runtime.viewers.rerun_log` takes it.
        name: of the run.
    """

    def __init__(self, where: str, name: str) -> None:
        self._where, self._name = where, name
        self._address = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    @property
    def pid(self) -> int:
        """Number of the process; 0 where there is none."""
        return 0 if self._process is None else self._process.pid

    def open(self, address: str) -> str:
        """Follow the page at an address, which may hold its token; a line for people, or empty."""
        if address == self._address:
            return ""
        again = bool(self._address)
        if again and self._where.endswith(FILE_SUFFIX):
            return f"rerun: the page has another address now; {self._where} ends here"
        self.close()
        self._address = address
        parts = urllib.parse.urlsplit(address)
        token = dict(urllib.parse.parse_qsl(parts.query)).get("token", "")
        bare = f"{parts.scheme}://{parts.netloc}/"
        options = ("--to", self._where, "--name", self._name, "--follow-parent")
        child = child_process("runtime.viewers.follow", bare, *options)
        child["env"] = {**child["env"], TOKEN: token}
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # read when the process has ended
        try:
            self._process = subprocess.Popen(
                **child, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._errors, start_new_session=True
            )
        except OSError as error:
            return f"rerun: cannot be started ({error.strerror}); the run goes on without it"
        return "" if again else f"rerun: {self._where}"

    def look(self) -> str:
        """Why it has ended, once, for people; empty while it goes on."""
        if self._process is None or self._process.poll() is None:
            return ""
        code, told = self._process.returncode, self._told()
        self.close()
        why = told.removeprefix("error: ") or (f"exit code {code}" if code else "its viewer or file takes no more")
        return f"rerun: {why}; the run goes on without it"

    def close(self) -> None:
        """End it; one that does not end in time is killed."""
        if self._process is not None:
            if self._process.stdin is not None:
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
            try:
                self._process.wait(CLOSE_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(CLOSE_WITHIN)
            self._process = None
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def _told(self) -> str:
        """The last line that it wrote of its own."""
        if self._errors is None:
            return ""
        self._errors.seek(0, os.SEEK_SET)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        own = [line for line in lines if line.startswith("error: ")]
        return own[-1] if own else ""
