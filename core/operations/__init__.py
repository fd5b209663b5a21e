"""What keeps the assistant running: the schedule of refreshes and the state of every part."""
