"""The life of one actor: its start, heartbeats, calls, faults, end and restart."""
