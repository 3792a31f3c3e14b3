"""Synthesised datasets: speech by espeak-ng, and drawn mouths."""
