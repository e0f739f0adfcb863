"""What computes a heavy module's forward: torch as it is (eager), or a compiled graph of it, behind one seam."""
