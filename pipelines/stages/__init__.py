"""The stages of a job, each a function from tables to tables, and the road that runs them."""
