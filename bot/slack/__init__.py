"""The Slack channel. A twin of `bot.discord`: the same files, the same order inside."""
