"""From scores to lists: re-ranking, diversity, exploration, and reasons in words."""
