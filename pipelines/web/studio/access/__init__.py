"""Who may enter the studio, how often, and what is noted of it."""
