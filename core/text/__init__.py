"""Text in and out: formatting, sanitizing, redaction and input checks."""
