"""The gallery page: one file that shows what a run learnt, chose and painted."""
