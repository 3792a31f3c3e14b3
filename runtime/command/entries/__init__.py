"""The commands: importing this package registers them."""

from runtime.command.entries import ask, export, info, show
from runtime.command.entry import register_entry

for _module in (ask, show, info, export):
    register_entry(_module.ENTRY)
