"""The web page: a prompt becomes a picture. Talks to the native API only."""
