"""The database: all SQL is in this package. Reads return frozen dataclasses, DataFrames or arrays."""
