"""One language for segments, audiences and branches: a typed tree, read once into SQL and once into English."""
