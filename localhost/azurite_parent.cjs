// Loaded into Azurite with `node --require`. Its standard input is a pipe whose other end the starting Python process
// holds. When that process ends, however it ends, the pipe closes and Azurite leaves too: in good order first, so that
// a folder is saved, and by force if that takes too long.
"use strict";
process.stdin.on("error", () => {});
process.stdin.on("close", () => {
  process.kill(process.pid, "SIGTERM");
  setTimeout(() => process.exit(1), 5000).unref();
});
process.stdin.resume();
// Nobody may be left to read our words: a closed pipe must not stop the saving.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
