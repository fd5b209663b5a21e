"""One index version: passages cut and embedded, its dense and its lexical side, built in a worker process."""
