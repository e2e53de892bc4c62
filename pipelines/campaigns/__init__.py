"""What campaigns are made of: presets of channels, pictures cut to them, and what is sent out."""
