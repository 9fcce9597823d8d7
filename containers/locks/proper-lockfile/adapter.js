'use strict';
// proper-lockfile, as its README uses it: lock() gives a function that releases.

const lockfile = require('proper-lockfile');
const { version } = require('proper-lockfile/package.json');
const { Adapter, serve, PATH, LIFETIME, OPTIONS } = require('lockstorm_adapter');

const SETTINGS = {
  stale: LIFETIME === null ? undefined : LIFETIME * 1000,
  update: OPTIONS.update === undefined ? undefined : OPTIONS.update * 1000,
  realpath: false, // the path that is locked need not exist
};

class ProperLockfile extends Adapter {
  library = 'proper-lockfile';
  version = version;
  notHeld = ['ENOTACQUIRED', 'ERELEASED'];
  held = false;
  free = () => lockfile.unlock(PATH, { realpath: false }); // until lock() gave a better one

  async acquire(timeout) {
    const poll = OPTIONS.poll * 1000;
    const retries = { forever: true, factor: 1, minTimeout: poll, maxTimeout: poll };
    if (timeout !== null) retries.maxRetryTime = timeout * 1000;
    try {
      this.free = await lockfile.lock(PATH, {
        ...SETTINGS,
        retries: timeout === 0 ? 0 : retries,
        // The default throws, which ends the process. Here the next answers tell it.
        onCompromised: () => (this.held = false),
      });
    } catch (error) {
      const late = error.message === 'RetryOperation timeout occurred';
      if (error.code === 'ELOCKED' || late) return timeout === 0 ? 'busy' : 'timeout';
      throw error;
    }
    this.held = true;
  }

  async release() {
    this.held = false;
    await this.free();
  }

  isHeld() {
    return this.held;
  }
}

serve(new ProperLockfile());
