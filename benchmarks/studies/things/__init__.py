"""Real things, named by real words."""
