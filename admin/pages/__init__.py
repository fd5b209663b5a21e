"""The pages of the console, one module each; every one has `add_pages(services)`."""
