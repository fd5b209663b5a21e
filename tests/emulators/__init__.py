"""Local doubles of the services the assistant talks to; tests connect the real client libraries to them."""
