"""Where batches run: a protocol, and the processes of this machine."""
