"""Pages for people without a key: a picture that was shared, and the gallery where there is one."""
