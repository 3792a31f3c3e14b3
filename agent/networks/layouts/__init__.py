"""Layouts: which networks, judges and variations suit which kind of sample; importing this room registers them."""

from agent.networks.layouts import picture, sequence, spectrogram
from agent.networks.layouts.contract import Layout, layout_of, register_layout

__all__ = ["Layout", "layout_of", "picture", "register_layout", "sequence", "spectrogram"]
