"""Speed, printed as figures and ratios; nothing here is a test."""
