"""Which look a user is shown for an item, drawn with a logged propensity."""
