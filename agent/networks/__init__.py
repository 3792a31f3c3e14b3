"""Autoencoders and what every network needs: weights, augmentation, and the layouts of samples."""
