"""The AUTOMATIC1111 wire (`/sdapi/v1`), as far as its clients need it, translated to and from jobs."""
