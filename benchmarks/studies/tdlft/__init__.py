"""TDLFT's table and its embeddings."""
