"""Checkpoints, copies of a state between two steps, the tensor file, and migrations of older versions."""
