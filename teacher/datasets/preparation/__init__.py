"""Datasets are fetched, unpacked, searched, prepared and cached."""
