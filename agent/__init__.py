"""The learner, its algorithms and networks, the exams of what it has learned, and its answers.

import agent

agent.load("runs/2026-01-31_12-00-00").evoke(image="three.png")["audio"].save("three.wav")
agent.connect("http://127.0.0.1:8270").evoke(image="three.png")["audio"].save("three.wav")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.learned.connected import connect
    from agent.learned.loaded import load

__all__ = ["connect", "load"]


def __getattr__(name: str) -> Any:
    """Import a function when it is first used: most modules of this room are needed without it."""
    if name == "connect":
        from agent.learned.connected import connect

        return connect
    if name == "load":
        from agent.learned.loaded import load

        return load
    raise AttributeError(f"module 'agent' has no attribute {name!r}")
