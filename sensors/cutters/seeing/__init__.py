"""The ways of finding views in pictures. Importing this package registers the program's own."""

from sensors.cutters.seeing import auto, card, thing, whole
from sensors.cutters.seeing.contract import ViewFinder, register_view_finder, view_finder, view_finders

__all__ = ["ViewFinder", "register_view_finder", "view_finder", "view_finders"]

for _own in (auto, card, thing, whole):
    register_view_finder(_own.FINDER)
