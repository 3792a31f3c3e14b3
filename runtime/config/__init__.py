"""The settings of a run, what it teaches and learns with them, and settings of earlier versions."""
