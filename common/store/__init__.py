"""The truth about tasks, in Redis: keys, the verbs as scripts, and the classes that call them."""
