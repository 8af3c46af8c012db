# Calls one method of a Ruby file in a process of its own: ruby ruby_worker.rb FILE NAME
#
# It reads {"payload", "context"} as JSON from standard input, and answers {"output"} or {"error": {"type", "message"}}
# on standard output. What the method prints goes to standard error. The method takes the keywords payload: and context:.

require "json"

file, name = ARGV
channel = $stdout.dup
$stdout.reopen($stderr)

begin
  given = JSON.parse($stdin.read)
  require file
  output = Object.new.send(name, payload: given["payload"], context: given["context"])
  answer = JSON.generate({ "output" => output })
rescue StandardError, ScriptError => error
  warn error.full_message(highlight: false)
  answer = JSON.generate({ "error" => { "type" => error.class.name, "message" => error.message } })
end
channel.write(answer)
channel.flush
