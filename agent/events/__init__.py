"""How the learner draws events: turns, batches, held-out rows, random states."""
