"""What makes the files that are shipped: the recorded runs and the screenshots."""
