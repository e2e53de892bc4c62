"""The jobs: the only place that touches storage, processes and people."""
