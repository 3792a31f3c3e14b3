"""The newest weights and what they compute: what samples evoke, and the codes of known samples."""
