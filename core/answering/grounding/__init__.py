"""What an answer says, held against what was found: citations, and support sentence by sentence."""
