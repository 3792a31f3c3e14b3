"""Supervision: the part of a run that knows Ray. It starts the actors, watches, mends and stops them."""
