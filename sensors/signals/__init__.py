"""Sound and pictures as arrays: spectrograms, frames, cards, file formats."""
