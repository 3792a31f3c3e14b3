"""SMART's table, guides, and hashes of learned weights."""
