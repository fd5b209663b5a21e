"""How people reach us: one folder a channel, the same furniture in each."""
