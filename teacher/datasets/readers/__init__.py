"""Published datasets, each read from its own files."""
