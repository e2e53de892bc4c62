"""The HTTP services over what the jobs wrote."""
