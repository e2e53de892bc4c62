"""Pictures that define the looks; one module per family of techniques."""
