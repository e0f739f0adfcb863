-- ARGV: endpoint, message. Puts a test message into the outbox, to be tried once. Returns 1, or 0: no such endpoint.
if redis.call('EXISTS', KEY.endpoint .. ARGV[1]) == 0 then return 0 end
post_to_endpoint(ARGV[1], ARGV[2], now_ms(), {'job', '', 'type', 'webhook.test', 'once', '1'})
return 1
