"""The vocabulary that all rooms share: events, modalities, settings, errors, states, clocks, the wire format."""
