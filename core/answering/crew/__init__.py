"""The crew: a Research Specialist who searches, then a Technical Writer who writes from the research."""
