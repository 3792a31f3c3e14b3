"""The world comes in: events, modalities, and what turns raw signals into samples."""
