'use strict';
// Drives @NAME@ for lockstorm. Put your own library where it says YOURS. For one that npm brings:
// `install: npm` in profile.yaml, and a package.json (with package-lock.json) beside it.

const fs = require('fs/promises');
const { setTimeout: sleep } = require('timers/promises');
const { Adapter, serve, PATH, OPTIONS } = require('lockstorm_adapter');

class Lock extends Adapter {
  library = '@NAME@'; // YOURS, and the version that the library itself says it has
  version = '0.1';
  held = false;

  // YOURS. timeout: null waits for ever, 0 does not wait, else seconds.
  async acquire(timeout) {
    const deadline = timeout === null ? Infinity : performance.now() + timeout * 1000;
    while (!(await this.attempt())) {
      if (performance.now() >= deadline) return timeout === 0 ? 'busy' : 'timeout';
      await sleep(OPTIONS.poll * 1000);
    }
    this.held = true;
  }

  async attempt() {
    try {
      await (await fs.open(PATH, 'wx')).close();
      return true;
    } catch (error) {
      if (error.code === 'EEXIST') return false;
      throw error;
    }
  }

  // YOURS
  async release() {
    if (!this.held) return 'not_held';
    await fs.unlink(PATH);
    this.held = false;
  }

  // YOURS: what the library says, never a look at the file system.
  isHeld() {
    return this.held;
  }
}

serve(new Lock());
