"""The command-line interface: commands, their arguments and their output."""
