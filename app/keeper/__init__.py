"""The keeper: reaps dead leases, re-issues tickets, delivers webhooks, expires results. Runs no user code."""
