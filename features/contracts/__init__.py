"""What the cells of a table may hold: one module per kind of value, and names for columns."""
