"""The merchandiser's pages: campaigns, channels, the challenge, limits of looks."""
