"""The learner: SMART, its networks and guides, the judges and the monitor that examine it."""
