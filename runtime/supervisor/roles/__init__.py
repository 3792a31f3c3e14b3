"""What each kind of actor is asked, and what its answers mean."""
