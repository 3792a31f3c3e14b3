"""What viewers are shown while the run goes on: its status, its figures, its newest events."""
