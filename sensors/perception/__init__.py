"""Several streams perceived at once: which senses, and which percepts make one event."""
