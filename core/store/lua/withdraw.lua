-- ARGV: id of a share. Ends it, for everybody and at once. Returns 1, or 0 if there is none.
return withdraw(ARGV[1])
