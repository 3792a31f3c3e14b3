"""The figures and the status of a run: written to its directory, and shown on the screen."""
