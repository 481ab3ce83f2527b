"""How requests to one model are run: which, together with which others, where, and when."""
