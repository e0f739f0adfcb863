"""Everything on one machine: `easel up` and what it starts, watches and stops."""
