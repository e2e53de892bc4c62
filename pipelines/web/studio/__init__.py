"""The studio: pages on which people see, choose and make looks, over one finished run."""
