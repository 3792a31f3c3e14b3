"""TDLFT: lip reading of letters that were only heard, with DBNs and embeddings between them."""
