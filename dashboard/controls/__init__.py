"""What a person chooses on each page; what the address can hold stands in it."""
