"""The directory of a run: its files, their locks, passwords and plugins, and room on the disk."""
