"""Streams that are uneven, arrive late or drift."""
