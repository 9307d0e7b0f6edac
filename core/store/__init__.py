"""The database: all SQL stands here. What comes out is a frozen dataclass or a DataFrame."""
