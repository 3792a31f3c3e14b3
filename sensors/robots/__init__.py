"""Robots on other machines: a robot's program, its journal, the link, and the host's side of it."""
