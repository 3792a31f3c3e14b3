"""Supervision: the part of a run that knows Ray. It starts, watches, restarts and stops the actors."""
