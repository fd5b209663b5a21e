"""How well an index version answers the golden questions."""
