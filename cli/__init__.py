"""The words of the command line: what can be asked, and how the answers are printed."""
