"""What things cost: steps, events a second, spectrograms, answers."""
