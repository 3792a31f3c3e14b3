"""The directory of a run: its files, their locks, passwords and plugins, and free space on the disk."""
