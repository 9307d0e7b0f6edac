"""What the screens make of the records: frames in the shape that charts and tables need."""
