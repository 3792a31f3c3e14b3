"""Studies of learning: what is learned, from what, and how well."""
