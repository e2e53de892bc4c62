"""Whether this process tells on stderr how its work goes on."""

quiet = False
