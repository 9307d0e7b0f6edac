"""Files, processes and the environment of the machine."""
