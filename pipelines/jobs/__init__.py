"""What the commands beside the road do: campaigns, comparisons, imports, checks."""
