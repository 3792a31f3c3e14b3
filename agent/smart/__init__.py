"""SMART: the update of two autoencoders that guide each other, guides and modes."""
