// Calls one function of a JavaScript module in a process of its own: node node_worker.mjs FILE NAME
//
// It reads {"payload", "context"} as JSON from standard input, and answers {"output"} or {"error": {"type", "message"}}
// on standard output. What the function prints goes to standard error.

import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [file, name] = process.argv.slice(2);
process.stdout.write = process.stderr.write.bind(process.stderr);

async function answer() {
  const given = JSON.parse(fs.readFileSync(0, "utf8"));
  const module = await import(pathToFileURL(file));
  const handler = module[name] ?? module.default?.[name] ?? module.default;
  if (typeof handler !== "function") {
    throw new TypeError(`${file} exports no function ${name}`);
  }
  return { output: (await handler(given.payload, given.context)) ?? null };
}

function send(document) {
  let rest = Buffer.from(JSON.stringify(document));
  while (rest.length > 0) {
    rest = rest.subarray(fs.writeSync(1, rest));
  }
}

try {
  send(await answer());
} catch (error) {
  console.error(error);
  send({ error: { type: error?.name ?? "Error", message: String(error?.message ?? error) } });
}
