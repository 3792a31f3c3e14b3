"""What the learned networks answer: associations, responses in sound and pictures, the viewer."""
