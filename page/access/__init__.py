"""Which connections and requests the page takes; what it refuses is counted by reason."""
