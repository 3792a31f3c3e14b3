"""The world comes in: what sensors give becomes events, and events reach replay."""
