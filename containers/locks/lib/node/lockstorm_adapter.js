'use strict';
// The adapter protocol, for locks that are driven from Node.js (see ../../README.md).
//
// An adapter extends Adapter, overrides what its lock can do and calls serve(). Methods may be
// asynchronous; requests are answered one after the other.

const os = require('os');

const PATH = process.env.LOCKSTORM_PATH || '';
const LIFETIME = process.env.LOCKSTORM_LIFETIME ? Number(process.env.LOCKSTORM_LIFETIME) : null;
const OPTIONS = JSON.parse(process.env.LOCKSTORM_OPTIONS || '{}');
const LINE_LENGTH_MAX = 1 << 16;

/** One lock, one holder. A method answers 'ok' (or nothing), 'busy', 'timeout' or 'not_held'. */
class Adapter {
  library = 'unknown';
  version = 'unknown';
  notHeld = []; // codes of the library's own errors that say "you do not hold it"

  /** Takes the lock. timeout: null waits for ever, 0 does not wait, else seconds. */
  async acquire(timeout) {
    return 'unsupported';
  }

  async release() {
    return 'unsupported';
  }

  async refresh(lifetime) {
    return 'unsupported';
  }

  /** What the library says, as a boolean. Never a look at the file system of our own. */
  async isHeld() {
    return 'unsupported';
  }
}

/** Says that the adapter is ready, then answers requests until quit or end of input. */
async function serve(adapter) {
  say({ ready: { library: adapter.library, version: adapter.version } });
  for await (const line of lines()) {
    let id = null;
    try {
      const request = JSON.parse(line);
      if (!Number.isInteger(request.id)) throw new TypeError('a request without a number');
      id = request.id;
      if (request.op === 'quit') {
        say({ id, answer: 'ok' });
        process.exit(0); // a library's timers and sockets keep nobody waiting
      }
      say({ id, ...(await answer(adapter, request)) });
    } catch (error) {
      // Garbage is answered, not died of. What failed may have happened: never "not held".
      say({ id, ...describe(error) });
    }
  }
  process.exit(0);
}

async function answer(adapter, request) {
  try {
    switch (request.op) {
      case 'acquire':
        return { answer: (await adapter.acquire(request.timeout)) || 'ok' };
      case 'release':
        return { answer: (await adapter.release()) || 'ok' };
      case 'refresh':
        return { answer: (await adapter.refresh(request.lifetime)) || 'ok' };
      case 'is_held': {
        const held = await adapter.isHeld();
        return typeof held === 'boolean' ? { answer: 'ok', held } : { answer: held };
      }
    }
  } catch (error) {
    if (error && adapter.notHeld.includes(error.code)) return { answer: 'not_held' };
    throw error;
  }
  throw new TypeError(`unknown op ${JSON.stringify(request.op)}`);
}

function describe(error) {
  const name = (error && (error.code || error.name)) || typeof error;
  // Half a character, as a parser may quote it, is no JSON to others.
  const message = Buffer.from(String((error && error.message) || error)).toString();
  const said = { answer: 'error', class: String(name), message };
  return os.constants.errno[name] === undefined ? said : { ...said, errno: name };
}

async function* lines() {
  let rest = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop();
    yield* parts;
    if (rest.length > LINE_LENGTH_MAX) {
      yield rest;
      rest = '';
    }
  }
}

function say(message) {
  process.stdout.write(JSON.stringify(message) + '\n');
}

module.exports = { Adapter, serve, PATH, LIFETIME, OPTIONS };
