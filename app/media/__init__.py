"""Files from outside, read and changed in processes that have little to lose."""
