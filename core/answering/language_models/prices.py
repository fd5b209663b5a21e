"""What calls cost. Comes in: tokens and LLM_PRICES. Goes out: whole micro-dollars. Pure."""

from collections.abc import Mapping

Prices = Mapping[str, tuple[float, float]]
"""Dollars per million tokens, in and out, by the name of the model."""

CHARACTERS_PER_TOKEN = 4


def cost(prices: Prices, model: str, tokens_in: int, tokens_out: int) -> int:
    """Micro-dollars of one call; 0 for a model whose price is not known."""
    price_in, price_out = prices.get(model, (0.0, 0.0))
    return round(tokens_in * price_in + tokens_out * price_out)


def estimated_tokens(characters: int) -> int:
    """How many tokens a text of this length makes, near enough, where an endpoint does not count them."""
    return -(-characters // CHARACTERS_PER_TOKEN)
