"""Pure chart builders: a frame in, an Altair chart out. Each says in its description what it shows."""
