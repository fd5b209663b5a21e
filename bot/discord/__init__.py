"""The Discord channel. A twin of `bot.slack`: the same files, the same order inside."""
