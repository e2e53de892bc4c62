"""Ground floor: turns raw logs and pictures into tables and arrays."""
