"""From a question to an answer: the service that channels ask, and the two engines behind it."""
