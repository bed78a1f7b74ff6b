"""Training the detector: photos with corners, and plates pasted into photos, become a network that finds corners."""
