"""Painters: pictures and looks in, paint out; one file per method."""
