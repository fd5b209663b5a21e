"""From a question to passages: both sides of the index fused, scored and made readable."""
