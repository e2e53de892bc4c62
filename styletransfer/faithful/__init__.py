"""The faithful mode: plate, composition, bounded grade, and the gate that decides what is shown."""
