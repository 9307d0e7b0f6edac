"""Generate the shipped runs and screenshots, and fuzz the project."""
