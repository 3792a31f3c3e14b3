"""What the supervisor tells of a run: figures, the screen, Ray's metrics, the page."""
