"""From a request to a job and from a job to what its owner sees, whatever the wire."""
